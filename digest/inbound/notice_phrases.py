"""The phrases by which servers say why, as regular expressions, one a line. Pure data of `notice_words`.

`FAMILIES` are in the order in which they win; a cause may stand there twice. Korean phrases are those of Naver,
Daum/Hanmail, Naver Works and groupware. Write what many servers say, not what one did: a phrase that fits live readers'
mails ("rejected") must not stand under GONE. Between two words of a phrase a few others may stand: `(?:\\S+ ){0,3}`.
Longer than other modules because it is one table, and which phrase wins is seen only in the whole.
"""

from digest.models.notices import Cause

FAMILIES: tuple[tuple[Cause, str], ...] = (
    (
        Cause.CHALLENGE,
        r"""
        requires? (?:a )?confirmation
        (?:confirm|verify) (?:that )?you(?:r|'re| are)\b.{0,40}(?:human|e-?mail|identity)
        challenge[- ]response
        waiting list
        guest list
        is protected by .{0,40}(?:boxbe|spam ?arrest)
        not (?:yet )?(?:on|in) (?:my|the|their|his|her) (?:approved|allowed|white)
        \bboxbe\b
        click (?:on )?(?:the|this) link .{0,60}(?:deliver|release)
        """,
    ),
    (
        Cause.FULL,
        r"""
        over ?-?quota
        quota (?:\S+ ){0,3}(?:exceed|full|reach|usage)
        exceed\w* (?:\S+ ){0,6}(?:quota|storage|mailbox size|allowed size|disk)
        (?:mail|in)?box(?:es)? (?:\S+ ){0,3}(?:is |are )?(?:full\b|exceed|over|size limit|disk|quota)
        mailfolder (?:is )?full
        \bfull mailbox
        (?:not enough|insufficient|out of|no) (?:\S+ ){0,2}(?:storage|disk|mailbox) space
        (?:not enough|insufficient|out of) (?:\S+ ){0,2}(?:storage|disk|space)
        mailbox (?:\S+ ){0,3}full
        maximum (?:\S+ ){0,3}(?:mailbox|storage|quota)
        (?:account|user|recipient|mailbox)\S* (?:\S+ ){0,4}(?:over|exceed\w*) (?:\S+ ){0,4}(?:quota|limit|space|size)
        storage (?:\S+ ){0,3}(?:exceed|full|limit)
        disk (?:is )?full
        quota (?:exceeded|violation)
        mailbox_?full
        no space left
        too much mail
        용량.{0,20}(?:초과|부족|가득)
        (?:편지함|메일함|사서함).{0,12}(?:가득|찼|꽉|용량)
        (?:저장|할당).{0,10}(?:공간|용량).{0,10}(?:초과|부족|없)
        メールボックス.{0,12}(?:いっぱい|満杯|容量|一杯)
        容量.{0,12}(?:超|不足|オーバー)
        casilla .{0,30}agotad
        buz[oó]n .{0,20}llen
        邮箱.{0,8}满
        空间不足
        bo[iî]te .{0,20}pleine
        """,
    ),
    (
        Cause.SIZE,
        r"""
        (?:message|mail|e-?mail|attachment)\S* (?:\S+ ){0,5}(?:too (?:large|big)|exceed\w* (?:\S+ ){0,4}(?:size|limit|maximum|length|bytes))
        (?:message|mail) size (?:\S+ ){0,3}(?:exceed|limit|too|larger|greater)
        size (?:\S+ ){0,4}exceed\w* (?:\S+ ){0,5}(?:limit|maximum|size)
        larger than (?:\S+ ){0,3}(?:limit|maximum|current)
        maximum (?:message|mail) size
        메일.{0,10}크기.{0,20}(?:초과|큽|커)
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.POLICY,
        r"""
        \bspam\b
        \bspam(?:ming|my|mer|assassin|cop|haus|like)\w*
        \bjunk\b
        unsolicited
        \bu[cb]e\b
        \bphish
        \bvirus
        \bmalware
        \binfected
        \btrojan
        \bworm\b
        (?:block|black|deny|reject)[- ]?list
        \bblocked\b
        \bdnsbl\b
        \brbl\b
        \bsurbl\b
        \buribl\b
        reputation
        \bpolic(?:y|ies)\b
        content (?:\S+ ){0,4}(?:reject|filter|not (?:accept|allow|permit)|block|denied)
        reject\w* (?:\S+ ){0,5}content
        (?:illegal|prohibited|forbidden|banned|blocked|dangerous|restricted) (?:\S+ ){0,2}(?:attachment|content|file|word)
        \bspf\b
        \bdkim\b
        \bdmarc\b
        sender ?id\b
        authentication (?:\S+ ){0,4}(?:fail|required|check|information|result)
        unauthenticated
        \bnot authenticated
        fails? .{0,30}authenti
        (?:sender|from) (?:\S+ ){0,4}(?:reject|denied|not (?:allowed|authori[sz]ed|permitted)|refused|blocked|invalid|unknown|verif)
        bad sender
        sender verify
        (?:not|isn't) (?:authori[sz]ed|allowed|permitted) to (?:send|post|submit|use)
        (?:permission|privilege)s? (?:\S+ ){0,6}(?:to post|post|to send|required|denied)
        only accepts? (?:mail|messages?) from
        (?:reverse|ptr|rdns)\b.{0,40}(?:dns|record|lookup|fail|requir|missing)
        ptr record
        no reverse
        client host .{0,20}reject
        too many (?:\S+ ){0,3}(?:connections|messages|recipients|hops|invalid)
        (?:message|mail|e-?mail) (?:\S+ ){0,6}(?:refused|rejected|denied) (?:\S+ ){0,4}(?:filter|rule|administrat|security|content)
        security (?:reason|violation|policy|filter)
        header error
        (?:mime|header|format) (?:\S+ ){0,4}(?:error|invalid|malformed|violat)
        suspected
        suspicious
        invalid helo
        not accept(?:ed|ing)? (?:\S+ ){0,5}(?:from you|your (?:ip|domain|server|host))
        your (?:ip|host|server|domain)\S* (?:\S+ ){0,6}(?:listed|reject|block|refus|denied|banned)
        rejected by (?:the )?(?:anti|security|content|organi)
        (?:denied|rejected|refused) by (?:\S+ ){0,3}(?:filter|rule|administrator)
        transport rule
        restricted
        moderat(?:ed|or)
        bounced by .{0,20}filter
        scored? .{0,20}(?:points|threshold|too)
        not (?:a )?member
        you are not allowed
        routing loop
        mail loop
        looping
        loops back
        스팸
        차단
        수신 ?거부
        발송 ?제한
        정책
        垃圾
        迷惑メール
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.LATER,
        r"""
        gr[ea]y-?list
        try again later
        (?:retry|again) in \d+
        temporar(?:y|ily) (?:\S+ ){0,2}(?:defer|reject|unavailable|disabled|unable|block|limit|local|lookup|server)\w*
        receiving (?:mail|messages) (?:at a rate|too)
        please retry
        일시적
        """,
    ),
    (
        Cause.RELAY,
        r"""
        relay(?:ing)? (?:\S+ ){0,4}(?:denied|not|prohibited|access|forbidden|refused|reject|restricted)
        (?:unable|not allowed|not permitted|cannot|can't|won't|denied|refus\w+) (?:\S+ ){0,3}to relay
        \bnot (?:\S+ ){0,4}relay
        (?:we|do not|don't) (?:do not |don't )?relay
        isn't in my list of allowed rcpthosts
        """,
    ),
    (
        Cause.NO_DOMAIN,
        r"""
        (?:host|domain)(?: name)? (?:\S+ ){0,4}(?:unknown|not found|(?:does not|doesn't|did not) (?:exist|resolve)|unresolv|invalid|non-?existent)
        (?:unknown|no such|invalid|bad|non-?existent|unrouteable|unroutable|unresolvable|illegal) (?:\S+ ){0,2}(?:host|domain)\b
        couldn't find any host
        name or service not known
        nxdomain
        no (?:\S+ ){0,2}(?:mx|mail exchange|mail server|dns|a)\b.{0,30}(?:record|found|host|exist)
        host (?:not found|or domain name not found)
        dns (?:\S+ ){0,3}(?:error|fail\w*|lookup)
        (?:domain|host) is not reachable
        no route to (?:host|domain)\b.{0,20}unknown
        could(?:n't| not) (?:be )?(?:find|resolve) (?:\S+ ){0,3}(?:host|domain)
        all relevant mx records point to non-existent
        (?:host|domain).{0,40}mis-?typed
        도메인.{0,16}(?:없|찾을 수|존재하지)
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.GONE,
        r"""
        (?:user|account|mailbox|recipient|address|addressee|mail ?box|alias|e-?mail|local ?part|name|destination|adresse?|contact|maildrop|subscriber|customer)\S* (?:\S+ ){0,5}(?:unknown|not (?:be )?(?:found|exist|known|valid|listed|recogni[sz]ed|a valid|local|an active|have an?)|isn't|(?:does not|doesn't|do not|don't|did not|didn't|no longer|not longer|is not|are not) (?:\S+ ){0,2}(?:exist|have|active|valid|match|here|available|at|in use|work|on|a |us)|unavailable|invalid|non-?existent|undeliverable|closed|expired|terminated|removed|deleted|incorrect|not local)
        (?:unknown|no such|invalid|bad|incorrect|nonexistent|non-existent|undeliverable|illegal|unrouteable|unroutable|ambiguous|wrong|not a valid|no) (?:\S+ ){0,2}(?:user|account|mailbox|recipient|address(?:es)?|addressee|mail ?box|alias|local ?part|person|employee|customer|subscriber)\b
        no mailbox (?:here|by that|with)
        user_?unknown
        unknown_?user
        (?:doesn't|does not|don't|do not) have (?:a|an) (?:\S+ ){0,3}(?:account|mailbox|user)
        not a (?:known|valid|registered|local) (?:\S+ ){0,2}(?:user|recipient|address|account|mailbox)
        not our customer
        no longer (?:\S+ ){0,3}(?:with|works?|employ|here|available|valid|in (?:use|service)|accept|exist|active|monitored)
        (?:has|have) (?:left|moved|changed) (?:\S+ ){0,3}(?:the company|address|organi)
        new e-?mail address
        (?:account|mailbox|address|user).{0,40}(?:has been|was|is) (?:\S+ ){0,1}(?:closed|deleted|removed|terminated|cancel|retired|moved)
        is not (?:a )?(?:listed|known|recogni[sz]ed|valid|correct|our)
        not listed in
        did not (?:exactly )?match
        (?:recipient|address) (?:address )?(?:was )?rejected(?:: access denied|[.\s]*$|[.,;]? (?:\(|please|in reply|by))
        check (?:that|if|whether) (?:the )?(?:e-?mail )?address is correct
        mailbox (?:is )?(?:unavailable|not available)
        not exist
        unable to (?:find|locate|verify|resolve) (?:\S+ ){0,3}(?:recipient|user|address|mailbox)
        could(?:n't| not) (?:be )?(?:find|found|locate)
        unknown (?:to|at|in) (?:\S+ ){0,3}(?:address|system|domain|server|host)
        addressee unknown
        that (?:user|address|account|mailbox)
        not in (?:\S+ ){0,4}(?:directory|database|table|address ?book|aliases)
        missing or invalid
        delivery to .{0,80} (?:failed|impossible) .{0,20}unknown
        recipient not
        recipnotfound
        dead letter
        無効
        存在しな
        見つかりません
        宛先不明
        ありません
        リストに
        不存在
        无效
        查无
        존재하지 ?않
        없는 (?:이메일|메일|사용자|계정|주소|아이디|수신자)
        (?:수신자|받는 ?사람|사용자|계정|아이디|주소).{0,14}(?:없|찾을 수|확인할 수|잘못|올바르지)
        잘못된 (?:이메일|메일|수신|주소)
        탈퇴
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.DISABLED,
        r"""
        (?:account|mailbox|user|recipient|address)\S* (?:\S+ ){0,6}(?:disabled|deactivat|discontinued|not active|not (?:be )?activ)
        (?:disabled|deactivated|discontinued) (?:\S+ ){0,2}(?:account|mailbox|user|recipient)
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.SUSPENDED,
        r"""
        (?:account|mailbox|user|recipient|address|domain)\S* (?:\S+ ){0,6}(?:suspend|inactive|locked|dormant|frozen|on hold|disconnected|blocked|temporarily disabled)
        (?:suspended|inactive|locked|dormant) (?:\S+ ){0,2}(?:account|mailbox|user|recipient)
        not accepting (?:\S+ ){0,2}(?:mail|messages)
        currently not accepting
        휴면
        (?:사용|이용).{0,8}(?:중지|정지|제한)
        비활성
        """,  # noqa: E501 (a phrase is one line)
    ),
    (
        Cause.LATER,
        r"""
        time[d]?[- ]?out
        temporar
        try (?:again|later)
        connection (?:\S+ ){0,3}(?:refused|dropped|reset|failed|lost|closed)
        (?:queue|delivery|retry|message)\S* (?:\S+ ){0,4}(?:expired|too long|exceeded)
        too long
        not respond
        greylist
        graylist
        (?:too|resources?) (?:many|busy|temporarily)
        \bbusy\b
        unreachable
        not reachable
        wasn't able to establish
        could not (?:\S+ ){0,2}(?:deliver)\b.{0,30}(?:days|hours)
        could not (?:\S+ ){0,2}(?:connect|contact|initiate)
        retry timeout
        network (?:error|problem)
        시간.{0,6}초과
        응답.{0,8}(?:없|지연)
        """,
    ),
)

# Who writes notices.
SENDERS = r"""
mailer-?daemon
postmaster
mail[-_ .]?(?:delivery|administrator|system|router)
\bmail ?delivery
delivery ?subsystem
mdaemon
no_?-?reply.{0,3}@
noreply
system administrator
bounce
listserv
antivirus
gateway
inetmail
automated response
"""

# What their subjects say.
SUBJECTS = r"""
fail(?:ed|ure)
undeliver
not (?:be )?deliver
returned (?:mail|to sender)
return(?:ing)? (?:message|mail)
deliver(?:y|ing) (?:status|problem|notif|report|error|fail|has|warning)
non-? ?delivery
undeliverable
delivery status
could ?n[o']t (?:be )?(?:send|sent|deliver)
(?:mail|message) (?:system )?error
error (?:sending|in|delivering)
delayed
delivery.{0,10}delay
bounced?\b
unzustellbar
warning: (?:message|could)
발송 ?실패
전송 ?실패
배달 ?실패
반송
전송되지 ?못
전달되지 ?못
전달 ?실패
배달되지
\(delay\)
non remis
devuelt
no se (?:ha )?p[ou]d
邮件
退信
失败
配信
"""

# What their texts say.
FAILURES = r"""
(?:could|can|was|were|has|have|did|is)(?:n't| ?not)?(?: \S+){0,4} (?:not (?:be |been )?|un)?(?:deliver|sent|reach)\w*
undeliver\w*
not deliver\w*
deliver\w* (?:\S+ ){0,6}(?:fail|problem|delay|impossible|error|postpone)\w*
fail\w* (?:\S+ ){0,4}(?:deliver|recipient|address)\w*
unable to (?:\S+ ){0,3}deliver
(?:trouble|problem|difficult)\w* (?:\S+ ){0,3}deliver
permanent (?:fatal )?(?:error|fail)
returned (?:\S+ ){0,3}(?:mail|message|error)
did not reach
(?:address|recipient)\S* (?:\S+ ){0,2}fail
undelivered
user unknown
unknown user
no such user
exceeds? (?:\S+ ){0,3}(?:size|quota)
your message (?:\S+ ){0,6}(?:reject|refus|return)
failure reasons
failed recipient
rejected
host unknown
invalid (?:address|recipient)
<<< [45]\d\d
전송되지 ?못
전달되지 ?못
배달되지 ?못
발송(?:이|에)? ?실패
전송(?:이|에)? ?실패
전달(?:이|에)? ?실패
보내지 ?못
반송
배달할 수 없
전달할 수 없
전송할 수 없
no pudo ser entregad
n'a pas pu
konnte nicht
无法
未能
did not exactly match
メール
"""

# That it is being tried again.
DELAYS = r"""
will (?:be retried|continue|keep (?:on )?try)
(?:not|n't) (?:yet|as yet) been delivered
has been (?:delayed|postponed)
delivery (?:attempts )?(?:will|is)(?: \S+){0,3} (?:continue|retr|delayed)
still (?:being retried|trying|attempting)
will try (?:again|to|for)
do(?:es)? not need to re-?send
do not resend
warning message only
this is (?:only )?a warning
transient non-?fatal
could not be delivered .{0,40}yet
재시도
지연되고
다시 시도
"""

# That it is not.
GIVEN_UP = r"""
given up
giving up
not going to try
will not (?:be )?(?:retr|try)
been in the queue too long
could not be delivered for
unable to deliver .{0,60} (?:days|hours)
"""

# What answers from a holiday say.
ANSWERS = r"""
out of (?:the )?office
auto(?:matic|mated)?[- ]?(?:reply|response|answer)
vacation
on holiday
away from
부재
자동 ?(?:응답|회신)
휴가
"""

# Where the mail that came back begins, at the start of a line.
RETURNED = r"""
.{0,30}(?:original|returned|unsent) (?:message|mail|header)(?! was received)
.{0,40}copy of (?:the|your) (?:original )?(?:message|mail)
.{0,30}header of the original
return-path:
received:
begin message
mensaje original
.{0,20}원본 ?메일
.{0,20}원문
(?:the )?first \d+ lines of
message (?:header|text|contents|follows)
.{0,10}message from .{0,60} follows
x-\w+[\w-]*:
(?:dkim|domainkey)-signature:
"""

# The same where no daemon is the sender: then subject (at its beginning) and words must both be a report's.
PLAIN_SUBJECTS = r"""
non-?delivery
undeliver
delivery (?:status notification|failure|failed)
mail delivery failed
failure notice
returned mail
\[?발송 ?실패
"""
PLAIN_FAILURES = r"""
(?:could not|cannot|was not|not) be(?:en)? deliver
undeliverable
non-?delivery
did not reach
전송되지 ?못
전달되지 ?못
"""
