"""What a lawyer would lose: the proof of a notification, because its package says more than that of a letter."""

from pathlib import Path

from pec_tracker.askers import OPERATOR
from pec_tracker.pec.compose import Attachment, Draft
from pec_tracker.pec.rule_profiles import LAW53_SUBJECT, Profile
from pec_tracker.service.contacts.edit import add_contact
from pec_tracker.service.proof.make import proof
from pec_tracker.service.proof.verify import verify_package
from pec_tracker.service.sending.profiles import LookUp, Wanted
from pec_tracker.service.sending.send import queue
from tests.factory import receipts
from tests.pec.test_signed_documents import envelope
from tests.proof.forging import found_alone, members_of
from tests.proof.house import ANNA, SENDER, SENT_AT, desk, receipt

PAGE = b"%PDF-1.7 INI-PEC"


def test_the_package_of_a_notification_holds_for_both_verifiers_and_says_the_register(
    tmp_path: Path, root_pem: Path
) -> None:
    here = desk(tmp_path)
    for name, address, register in (("Bianchi", SENDER, "reginde"), ("Verdi", ANNA, "ini-pec")):
        said = {"name": name, "pec": address, "register": register, "looked_up_on": f"{SENT_AT:%Y-%m-%d}"}
        add_contact(OPERATOR, here.house, said)
    files = (Attachment("atto.pdf.p7m", envelope()), Attachment("relata.pdf.p7m", envelope(b"%PDF relata")))
    letter = Draft(sender=SENDER, to=(ANNA,), subject=LAW53_SUBJECT, text="Si notifica.", attachments=files)
    wanted = Wanted(Profile.LAW53, look_ups=(LookUp(ANNA, "visura.pdf", PAGE),))
    queued = queue(OPERATOR, here.house, here.account, letter, wanted=wanted)
    delivery = receipt(
        queued, "avvenuta-consegna", to=ANNA, original=here.raw_of(queued), after=1, subject=LAW53_SUBJECT
    )
    here.take_in(receipt(queued, "accettazione", subject=LAW53_SUBJECT), delivery)
    package = proof(OPERATOR, here.house, queued.key)
    assert verify_package(package.content, receipts.trust()).findings == ()
    assert found_alone(package.content, root_pem) == {}
    records = [raw for name, raw in members_of(package).items() if name.startswith("records/")]
    assert any(b'"register": "ini-pec"' in raw for raw in records)
    assert "delivered" in [one["state"] for one in package.report["journeys"]]
