"""What a verified report says beyond a draft: who verified it, when, what was concluded and what was changed.

Flags and Verifying Observer Sequence are PS3.3 C.17.2; the person observer is TID 1003. TID 1500 gives no section of
its own to a conclusion: it is a text among the qualitative evaluations of the report (row 12), named
(121077, DCM, "Conclusion").
"""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as PydicomCode

from dicom_node.codes import Code, local
from dicom_node.encode.content import COMMENT, text_item
from dicom_node.encode.header import Context
from dicom_node.encode.items import fit, sentence
from dicom_node.encode.job import ChangedValue, Outcome, Verification

PERSON = PydicomCode("121006", "DCM", "Person")
CONCLUSION = Code("121077", "DCM", "Conclusion")
CHANGE = local("CHANGE", "Change by the verifying observer")
_LONG_STRING = 64


def mark_unverified(dataset: Dataset) -> None:
    """SR Document General module of a report that no person has looked at."""
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"  # until a person verifies it


def mark_verified(dataset: Dataset, verification: Verification, context: Context) -> None:
    """SR Document General module of a report that a person confirmed, with or without corrections."""
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "VERIFIED"
    dataset.PreliminaryFlag = "FINAL"
    observer = Dataset()
    observer.VerifyingOrganization = fit(verification.organisation, _LONG_STRING)
    observer.VerificationDateTime = context.on_its_clock(verification.at).strftime("%Y%m%d%H%M%S%z")
    observer.VerifyingObserverName = verification.observer_name
    observer.VerifyingObserverIdentificationCodeSequence = []
    dataset.VerifyingObserverSequence = [observer]


def person_observer(verification: Verification) -> ObserverContext:
    """The person of a verification (TID 1003), verifying, or reviewing what was rejected.

    The role in the organisation is told by ``act_in_words`` only: as a code it would have to be one of CID 7452,
    whose members validators do not agree on.
    """
    roles = codes.cid7453
    person = PersonObserverIdentifyingAttributes(
        name=verification.observer_name,
        organization_name=verification.organisation,
        role_in_procedure=roles.Reviewer if verification.outcome is Outcome.REJECTED else roles.Verifying,
    )
    return ObserverContext(PERSON, person)


def act_in_words(verification: Verification, context: Context) -> str:
    """ "Verified with corrections by Meyer, Anna (Physician, City Hospital) on 2026-03-01 12:00:05 +0100." """
    done = {
        Outcome.ACCEPTED: "Verified as drafted",
        Outcome.CORRECTED: "Verified with corrections",
        Outcome.REJECTED: "Rejected",
    }[verification.outcome]
    who = ", ".join(filter(None, (verification.observer_role.strip(), verification.organisation.strip())))
    at = context.on_its_clock(verification.at).strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{done} by {person_in_words(verification.observer_name)} ({who}) on {at}."


def person_in_words(name: str) -> str:
    """A person name of DICOM for people: "Meyer^Anna^^Dr." -> "Dr. Meyer, Anna"; other writings in brackets."""
    writings = [_one_writing(group) for group in name.split("=")]
    writings = [writing for writing in writings if writing]
    return writings[0] + (f" ({', '.join(writings[1:])})" if writings[1:] else "") if writings else ""


def _one_writing(group: str) -> str:
    family, given, middle, prefix, suffix = (*(part.strip() for part in group.split("^")), "", "", "", "", "")[:5]
    names = ", ".join(filter(None, (family, " ".join(filter(None, (given, middle))))))
    return " ".join(filter(None, (prefix, names, suffix)))


def change_in_words(change: ChangedValue) -> str:
    """ "Score: from 3 to 4 (set)." """
    because = f" ({change.because})" if change.because else ""
    return sentence(f"{change.what}: from {change.before or 'nothing'} to {change.after or 'nothing'}{because}")


def verification_texts(verification: Verification, context: Context) -> Iterator[Dataset]:
    """Text items of a verified report: the conclusion first, then every change, then the act itself."""
    if verification.conclusion.strip():
        yield text_item(CONCLUSION, verification.conclusion.strip())
    for change in verification.changes:
        yield text_item(CHANGE, change_in_words(change))
    yield text_item(COMMENT, act_in_words(verification, context))
