"""The peer of a campaign: messages of 8 kB sent by aiosmtplib alone, over one connection, and nothing kept.

python bare.py PORT CA_FILE ADDRESS PASSWORD COUNT      prints nothing
"""

import asyncio
import ssl
import sys
from email.message import EmailMessage

import aiosmtplib


def letter(sender: str, number: int, text: str) -> EmailMessage:
    """A message as a short script writes it."""
    message = EmailMessage()
    message["From"], message["To"] = sender, f"destinatario{number}@azienda.test"
    message["Subject"] = f"Comunicazione n. {number}"
    message["Message-ID"] = f"<{number}.bench@azienda.test>"
    message.set_content(text)
    return message


async def send(port: int, ca_file: str, address: str, password: str, count: int) -> None:
    """Send *count* messages one after the other."""
    line = "Si comunica quanto segue, con ogni riserva e senza alcun riconoscimento.\n"
    text = line * (7_400 // len(line))
    context = ssl.create_default_context(cafile=ca_file)
    async with aiosmtplib.SMTP(hostname="localhost", port=port, use_tls=True, tls_context=context) as client:
        await client.login(address, password)
        for number in range(count):
            await client.send_message(letter(address, number, text))


if __name__ == "__main__":
    _, port_, ca_file_, address_, password_, count_ = sys.argv
    asyncio.run(send(int(port_), ca_file_, address_, password_, int(count_)))
