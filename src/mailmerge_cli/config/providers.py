"""What is known about mail providers: server, login, published limits, and what their secret is called.

A rate stands here only where the provider publishes a number; an account may say otherwise (`rate = []`: none).
Facts were collected in November 2026; limits change, and the server's own reply always wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailmerge_cli.model.account import Account, Auth, Security
from mailmerge_cli.model.rate import Rate

_DAY, _HOUR, _MINUTE = 86400, 3600, 60


@dataclass(frozen=True, slots=True)
class Provider:
    """One preset.

    Attributes:
        name: the word for `--provider`.
        title: what people call it.
        host: the server; empty where it depends on the customer (`host_hint` says how to find it).
        hosts: other servers of the same provider.
        domains: address domains that are certainly its own.
        rates: published limits of a plain account.
        user: the login name, where it is the same for everybody.
        word: what the provider calls the password that programs use.
        where: where a person gets it.
        note: a sentence that whoever adds the account should read.
    """

    name: str
    title: str
    host: str
    port: int = 465
    security: Security = Security.TLS
    auth: Auth = Auth.AUTO
    hosts: tuple[str, ...] = ()
    host_hint: str = ""
    domains: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = ()
    connections: int = 1
    max_per_connection: int = 0
    user: str = ""
    word: str = "password"
    where: str = ""
    note: str = ""


_GOOGLE_WORD = "app password"
_GOOGLE_WHERE = "https://myaccount.google.com/apppasswords (2-step verification must be on)"
_NETEASE_WHERE = "设置 → POP3/SMTP/IMAP → 新增授权密码"
_OAUTH_NOTE = (
    'Logs in with OAuth 2: give token_command, a program that prints an access token ("auth = xoauth2").'
)

PROVIDERS: tuple[Provider, ...] = (
    # Daily limits: Google's help pages on sending limits (500 for a private mailbox, 2,000 for Workspace).
    Provider("gmail", "Gmail", "smtp.gmail.com", domains=("gmail.com", "googlemail.com"), rates=(Rate(500, _DAY),),
             connections=2, word=_GOOGLE_WORD, where=_GOOGLE_WHERE),
    Provider("google-workspace", "Google Workspace", "smtp.gmail.com", rates=(Rate(2000, _DAY),), connections=2,
             word=_GOOGLE_WORD, where=_GOOGLE_WHERE),
    # Google: 10,000 recipients a day and user through the relay service.
    Provider("google-relay", "Google Workspace SMTP relay", "smtp-relay.gmail.com", 587, Security.STARTTLS,
             rates=(Rate(10000, _DAY),), connections=2, word=_GOOGLE_WORD, where=_GOOGLE_WHERE),
    # Microsoft, Exchange Online limits: 30 messages a minute, 10,000 recipients a day, three connections.
    Provider("microsoft365", "Microsoft 365", "smtp.office365.com", 587, Security.STARTTLS, Auth.XOAUTH2,
             rates=(Rate(30, _MINUTE), Rate(10000, _DAY)), connections=3, word="access token", note=_OAUTH_NOTE),
    # Outlook.com: the daily cap depends on the mailbox's history; no number is published.
    Provider("outlook", "Outlook.com", "smtp-mail.outlook.com", 587, Security.STARTTLS, Auth.XOAUTH2,
             domains=("outlook.com", "hotmail.com", "live.com", "msn.com"), word="access token", note=_OAUTH_NOTE),
    # QQ and NetEase publish no limits; their replies tell them (450 MI:…, 451 MI:SFQ: too many in 15 minutes).
    Provider("qq", "QQ邮箱", "smtp.qq.com", domains=("qq.com", "vip.qq.com", "foxmail.com"), word="授权码",
             where="QQ邮箱 → 设置 → 账号 → POP3/IMAP/SMTP 服务 → 生成授权码 (16 letters)"),
    Provider("163", "网易163邮箱", "smtp.163.com", domains=("163.com",), word="授权码", where=_NETEASE_WHERE),
    Provider("126", "网易126邮箱", "smtp.126.com", domains=("126.com",), word="授权码", where=_NETEASE_WHERE),
    Provider("yeah", "网易yeah邮箱", "smtp.yeah.net", domains=("yeah.net",), word="授权码", where=_NETEASE_WHERE),
    # Tencent keeps its frequency limits secret.
    Provider("exmail", "腾讯企业邮箱", "smtp.exmail.qq.com", hosts=("hwsmtp.exmail.qq.com",), word="客户端专用密码",
             where="腾讯企业邮箱 → 设置 → 邮箱绑定 → 安全登录 → 客户端专用密码",
             note="Outside China hwsmtp.exmail.qq.com may answer faster."),
    Provider("aliyun-dm", "阿里云邮件推送", "smtpdm.aliyun.com", word="SMTP密码",
             hosts=("smtpdm-ap-southeast-1.aliyuncs.com", "smtpdm-us-east-1.aliyuncs.com",
                    "smtpdm-eu-central-1.aliyuncs.com"),
             where="阿里云控制台 → 邮件推送 → 发信地址 → 设置SMTP密码", note="The envelope's sender must be the login."),
    Provider("aliyun-qiye", "阿里企业邮箱", "smtp.qiye.aliyun.com", word="客户端专用密码",
             where="阿里企业邮箱 → 设置 → 账户安全 → 三方客户端安全密码"),
    # Yahoo and AOL: about 500 a day is what they told users for years; they publish no number today.
    Provider("yahoo", "Yahoo Mail", "smtp.mail.yahoo.com", domains=("yahoo.com", "ymail.com", "rocketmail.com"),
             rates=(Rate(500, _DAY),), word="app password", where="https://login.yahoo.com/account/security"),
    Provider("aol", "AOL Mail", "smtp.aol.com", domains=("aol.com",), rates=(Rate(500, _DAY),), word="app password",
             where="https://login.aol.com/account/security"),
    # Apple, "Mailbox size and message sending limits in iCloud": 1,000 messages a day.
    Provider("icloud", "iCloud Mail", "smtp.mail.me.com", 587, Security.STARTTLS,
             domains=("icloud.com", "me.com", "mac.com"), rates=(Rate(1000, _DAY),), word="app-specific password",
             where="https://account.apple.com → Sign-In and Security → App-Specific Passwords"),
    # Zoho: 50 to 500 external mails an hour, by reputation; the lower end is what a new account has.
    Provider("zoho", "Zoho Mail", "smtp.zoho.com", domains=("zoho.com", "zohomail.com"), rates=(Rate(50, _HOUR),),
             word="app password", where="https://accounts.zoho.com → Security → App Passwords",
             note="An organisation's mailbox may send more an hour: say so with --rate."),
    Provider("zoho-pro", "Zoho Mail for organisations", "smtppro.zoho.com", rates=(Rate(50, _HOUR),),
             word="app password", where="https://accounts.zoho.com → Security → App Passwords"),
    Provider("zoho-eu", "Zoho Mail, EU", "smtp.zoho.eu", domains=("zoho.eu", "zohomail.eu"), rates=(Rate(50, _HOUR),),
             word="app password", where="https://accounts.zoho.eu → Security → App Passwords"),
    Provider("fastmail", "Fastmail", "smtp.fastmail.com", domains=("fastmail.com", "fastmail.fm"), word="app password",
             where="Settings → Privacy & Security → Connected apps & API tokens → App passwords"),
    Provider("gmx", "GMX", "mail.gmx.net", domains=("gmx.net", "gmx.de", "gmx.at", "gmx.ch"),
             where="GMX → E-Mail-Einstellungen → POP3/IMAP: allow it first",
             note="With two-factor login GMX wants an application-specific password."),
    Provider("web.de", "WEB.DE", "smtp.web.de", domains=("web.de",),
             where="WEB.DE → E-Mail-Einstellungen → POP3/IMAP: allow it first",
             note="With two-factor login WEB.DE wants an application-specific password."),
    Provider("yandex", "Yandex Mail", "smtp.yandex.com", hosts=("smtp.yandex.ru",),
             domains=("yandex.com", "yandex.ru", "ya.ru"), word="app password",
             where="https://id.yandex.com/security/app-passwords"),
    Provider("mail.ru", "Mail.ru", "smtp.mail.ru", domains=("mail.ru", "inbox.ru", "list.ru", "bk.ru"),
             word="app password", where="https://account.mail.ru → Security → Passwords for external apps"),
    Provider("naver", "Naver Mail", "smtp.naver.com", domains=("naver.com",),
             where="Naver Mail → 환경설정 → POP3/IMAP 설정: switch it on first",
             note="With two-step login Naver wants an application password."),
    # SES: rate and daily quota belong to the customer's account.
    Provider("ses", "Amazon SES", "", 587, Security.STARTTLS, host_hint="email-smtp.REGION.amazonaws.com",
             word="SMTP password", where="SES console → SMTP settings → Create SMTP credentials"),
    # SendGrid, rate limits page: 5,000 messages a connection.
    Provider("sendgrid", "Twilio SendGrid", "smtp.sendgrid.net", max_per_connection=5000, connections=4, user="apikey",
             word="API key", where="SendGrid → Settings → API Keys"),
    Provider("mailgun", "Mailgun", "smtp.mailgun.org", 587, Security.STARTTLS, hosts=("smtp.eu.mailgun.org",),
             word="SMTP password", where="Mailgun → Sending → Domain settings → SMTP credentials",
             note="A domain of the EU region needs --host smtp.eu.mailgun.org."),
    # Postmark: at most 10 connections.
    Provider("postmark", "Postmark", "smtp.postmarkapp.com", 587, Security.STARTTLS, connections=4,
             hosts=("smtp-broadcasts.postmarkapp.com",), word="secret key of an SMTP token",
             where="Postmark → message stream → Settings → SMTP token",
             note="The token's access key is the login name. A server API token works as name and password too, but "
             "a name is no secret here: it would stand in accounts.toml in the clear."),
    Provider("infobip", "Infobip", "smtp-api.infobip.com", 587, Security.STARTTLS, word="password or API key",
             where="Infobip portal → Channels → Email → SMTP"),
)  # fmt: skip

_BY_NAME = {provider.name: provider for provider in PROVIDERS}


def provider_named(name: str) -> Provider | None:
    """The preset of this name; case does not count."""
    return _BY_NAME.get(name.strip().lower())


def provider_for(address: str) -> Provider | None:
    """The provider whose own domain an address has.

    A company's domain at Google, Microsoft or Tencent cannot be told from the address without asking DNS, which this
    program does not do behind a person's back: None.
    """
    domain = address.rpartition("@")[2].strip().rstrip(">").lower()
    return next((provider for provider in PROVIDERS if domain and domain in provider.domains), None)


def provider_at(host: str, address: str = "") -> Provider | None:
    """The provider that has this server; where presets share one, the login's address tells a private mailbox from a company's."""
    name = host.lower().rstrip(".")
    if name.startswith("email-smtp.") and name.endswith(".amazonaws.com"):
        return _BY_NAME["ses"]
    known = [provider for provider in PROVIDERS if name and name in (provider.host, *provider.hosts)]
    own = provider_for(address)
    fitting = [provider for provider in known if provider is own or not provider.domains]
    return next(iter(fitting or known), None)


def provider_of(account: Account) -> Provider | None:
    """The preset that an account came from, or whose server it uses."""
    return provider_named(account.provider) or provider_at(account.host, account.user)


def secret_word(account: Account) -> str:
    """What to call the account's secret when a person is asked for it: `app password`, `授权码`."""
    provider = provider_of(account)
    if account.auth is Auth.XOAUTH2:
        return "access token"
    return provider.word if provider and provider.word != "access token" else "password"
