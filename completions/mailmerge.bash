_mailmerge_completion() {
    local IFS=$'
'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \
                   COMP_CWORD=$COMP_CWORD \
                   _MAILMERGE_COMPLETE=complete_bash $1 ) )
    return 0
}

complete -o default -F _mailmerge_completion mailmerge

_mailmerge_cli_completion() {
    local IFS=$'
'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \
                   COMP_CWORD=$COMP_CWORD \
                   _MAILMERGE_COMPLETE=complete_bash $1 ) )
    return 0
}

complete -o default -F _mailmerge_cli_completion mailmerge-cli
