"""Whom did the house trust on a day of the past? The ledger's acts about trust, replayed by a rebuild."""

from pec_tracker import osfiles
from pec_tracker.archive.objects import Suffix
from pec_tracker.errors import ObjectMissingError
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.trust import Trust
from pec_tracker.service.house import House
from pec_tracker.service.trust.folder import ANSWERS, Kept, as_anchor, create, kept, write


class TrustThen:
    """Whom the house trusted while the ledger is replayed: what the configuration names, and what acts had added.

    `act` takes each line; `trust` is what then held; `restore` writes DATA/trust as the whole ledger says.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        own = kept(house.trust_folder) if house.trust_folder is not None else Trust()
        self._base = Trust(
            anchors=tuple(one for one in house.trust.anchors if one not in own.anchors),
            intermediates=house.trust.intermediates,
            crls=tuple(one for one in house.trust.crls if one not in own.crls),
            ocsp=tuple(one for one in house.trust.ocsp if one not in own.ocsp),
        )
        self.entries: dict[str, tuple[Kept, bytes]] = {}
        self._answers: dict[str, bytes] = {}
        self.trust = self._base

    def act(self, act: lines.Line) -> bool:
        """Follow a line of the ledger; False where it is about something else."""
        if act.act == LedgerAct.TRUST_ADDED:
            self._added(act)
        elif act.act == LedgerAct.TRUST_WITHDRAWN:
            for name in _texts(act, "certificates"):
                self.entries.pop(name, None)
        elif act.act == LedgerAct.REVOCATION_KEPT:
            kinds = _texts(act, "kinds")
            for name, kind in zip(_texts(act, "answers"), kinds, strict=True):
                if (der := self._object(name)) is not None:
                    self._answers[f"{name}.{kind}"] = der
        else:
            return False
        added = tuple(as_anchor(entry, der) for entry, der in self.entries.values())
        crls, ocsp = (tuple(der for name, der in self._answers.items() if name.endswith(end)) for end in ANSWERS)
        self.trust = Trust(
            anchors=self._base.anchors + added,
            intermediates=self._base.intermediates,
            crls=self._base.crls + crls,
            ocsp=self._base.ocsp + ocsp,
        )
        return True

    def restore(self) -> None:
        """Bring back to DATA/trust what the ledger says and the folder lacks."""
        if self._house.trust_folder is None:
            return
        folder = self._house.trust_folder
        osfiles.make_private_folder(folder)
        for entry, der in self.entries.values():
            write(folder, entry, der)
        for name, der in self._answers.items():
            create(folder / name, der)

    def _added(self, act: lines.Line) -> None:
        record = records.read_record(self._house.archive.get(str(act.facts["record"]), Suffix.RECORD))
        for said in record["anchors"]:
            entry = Kept(**said)
            if (der := self._object(entry.sha256)) is not None:
                self.entries[entry.sha256] = entry, der

    def _object(self, name: str) -> bytes | None:
        try:
            return self._house.archive.get(name, Suffix.CERTIFICATE)
        except ObjectMissingError:
            return None  # purged, or lost: `check` names it


def _texts(act: lines.Line, name: str) -> list[str]:
    fact = act.facts.get(name)
    return [str(one) for one in fact] if isinstance(fact, list) else []
