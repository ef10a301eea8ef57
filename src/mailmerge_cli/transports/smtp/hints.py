"""What to tell a person whose login was refused: which secret this provider wants, and where it comes from."""

from __future__ import annotations

import re

_BASIC_IS_OFF = (
    'Microsoft has switched password logins off here: use auth = "xoauth2" with a token_command, '
    "or ask the administrator to allow authenticated SMTP for this mailbox."
)
_GOOGLE = (
    "Google wants an app password here, not the account's own: switch 2-step verification on and make one at "
    "https://myaccount.google.com/apppasswords."
)
_NETEASE_TENCENT = (
    "这里要的是客户端授权码（authorization code），不是网页登录密码：在邮箱网页版的“设置 → POP3/SMTP”里开启 SMTP 服务并生成授权码。 "
    "This provider wants an authorization code, made on its web page, not the password."
)
_EXMAIL = (
    "企业邮箱若开启了安全登录，这里要的是客户端专用密码，不是网页登录密码。 "
    "With secure login on, this provider wants a client password (客户端专用密码), made on its web page."
)
_APP = "This provider wants an app password, made on its web page, not the account's own password."

# By what the server says first, for the reply knows better than the preset.
_BY_TEXT = (
    (
        r"5\.7\.139|5\.7\.30|basic authentication|SmtpClientAuthentication is disabled|security defaults",
        _BASIC_IS_OFF,
    ),
    (r"5\.7\.9.*(?:app|application).specific|InvalidSecondFactor|BadCredentials|gsmtp", _GOOGLE),
    (r"授权码|authorization code|service\.mail\.qq\.com|mail\.163\.com", _NETEASE_TENCENT),
    (r"application.specific|app.?(?:specific )?password", _APP),
)
_BY_PROVIDER = {
    "gmail": _GOOGLE,
    "google": _GOOGLE,
    "microsoft365": _BASIC_IS_OFF,
    "outlook": _BASIC_IS_OFF,
    "qq": _NETEASE_TENCENT,
    "163": _NETEASE_TENCENT,
    "126": _NETEASE_TENCENT,
    "yeah": _NETEASE_TENCENT,
    "exmail": _EXMAIL,
    "aliyun-qiye": _EXMAIL,
    "aliyun-dm": "DirectMail wants the SMTP password that was set for this sender address in its console.",
    "yahoo": _APP,
    "aol": _APP,
    "icloud": _APP,
    "zoho": _APP,
    "fastmail": _APP,
    "yandex": _APP,
    "mail.ru": _APP,
    "naver": _APP,
    "ses": "SES wants the SMTP user name and password that its console makes, not the AWS keys themselves.",
    "sendgrid": "SendGrid wants the word apikey as user and the API key as password.",
    "postmark": "Postmark wants the server token as user and as password.",
    "mailgun": "Mailgun wants the SMTP login of the sending domain.",
}
_ELSE = "Check user and password."
_REFUSED_ACCESS = "The server refused the access token, and a new one too: check token_command, its scope, and that user is the mailbox's address."


def login_hint(provider: str, said: str, *, token: bool, account: str) -> str:
    """The sentence that goes with a refused login.

    Args:
        provider: the account's preset; empty for none.
        said: the reply, codes and text.
        token: an access token was refused, not a password.
        account: its name, for the command that enters the secret again.
    """
    if token:
        return _REFUSED_ACCESS
    for words, hint in _BY_TEXT:
        if re.search(words, said, re.IGNORECASE):
            return hint.replace("NAME", account)
    # `google-relay` is a `google`, `zoho-eu` a `zoho`.
    known = (hint for name, hint in _BY_PROVIDER.items() if provider.startswith(name))
    return next(known, _ELSE).replace("NAME", account)
