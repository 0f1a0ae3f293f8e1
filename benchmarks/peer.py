"""What a careful program without an engine does: aiosmtplib kept open, Jinja and EmailMessage for each reader.

`python -m benchmarks.peer PORT LANES MAILS`; prints the same JSON line as `benchmarks.worker`. It keeps no ledger.
"""

import asyncio
import json
import resource
import sys
import time
from email.message import EmailMessage

import aiosmtplib
import jinja2

from benchmarks import ledger

_LINK = "{{ unsubscribe_url }}"


def _templates() -> tuple[jinja2.Template, jinja2.Template]:
    environment = jinja2.Environment(autoescape=True)
    looped = "{% for each in articles %}"
    one = [{"title": "{{ each.title }}", "link": "{{ each.link }}", "excerpt": "{{ each.excerpt }}"}]
    html = ledger.html_of(one, _LINK).replace("<tr>", looped + "<tr>").replace("</tr>", "</tr>{% endfor %}")
    text = looped + ledger.text_of(one, _LINK).replace("\r\n\r\n구독", "\r\n\r\n{% endfor %}구독")
    return environment.from_string(html), environment.from_string(text)


def _message(templates: tuple[jinja2.Template, jinja2.Template], number: int) -> EmailMessage:
    values = {"articles": ledger.articles(), "unsubscribe_url": f"https://gaon.example/u/{number:037d}"}
    message = EmailMessage()
    message["From"] = "가온일보 <news@gaon.example>"
    message["To"] = f"reader{number}@reader.example"
    message["Subject"] = "아침 소식"
    message["Message-ID"] = f"<{number:037d}@gaon.example>"
    message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    html, text = templates
    message.set_content(text.render(values), cte="8bit")
    message.add_alternative(html.render(values), subtype="html", cte="8bit")
    return message


async def _lane(port: int, numbers: list[int]) -> None:
    templates = _templates()
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
        for number in numbers:
            await client.send_message(_message(templates, number))


async def _send(port: int, lanes: int, mails: int) -> None:
    await asyncio.gather(*(_lane(port, list(range(lane, mails, lanes))) for lane in range(lanes)))


def main(words: list[str]) -> None:
    port, lanes, mails = map(int, words)
    began_cpu, began = time.process_time(), time.perf_counter()
    asyncio.run(_send(port, lanes, mails))
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mails": mails, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])
