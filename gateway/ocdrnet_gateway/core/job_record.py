"""What the store keeps of a job on a document, so that any gateway can answer for it or go on with it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from ocdrnet_client.documents.opened import DEFAULT_DPI, TextLayer
from ocdrnet_gateway.core.documents import DocumentChoice
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.http_errors import GatewayError
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import Label, Place, Store, space_of

Status = Literal["waiting", "running", "done", "failed"]
WebhookStatus = Literal["", "pending", "delivered", "failed"]
_SPARE_S = 3600.0  # that documents and records are kept beyond the last moment of their job


@dataclass(frozen=True)
class Order:
    """What a job's caller asked for.

    Attributes:
        options: of each page.
        pages: of the document, see `DocumentChoice`.
        dpi: likewise.
        text_layer: likewise.
        has_password: one opens the document; the password itself is kept in memory only.
        output: name of the result's usual format.
        wants_pdf: whether a searchable PDF is made, too.
        webhook: URL that is told of the end; empty: none.
        interface: what the interface that took the job has to remember.
    """

    options: dict[str, Any] = field(default_factory=dict)
    pages: str = ""
    dpi: float = DEFAULT_DPI
    text_layer: TextLayer = "auto"
    has_password: bool = False
    output: str = "json"
    wants_pdf: bool = False
    webhook: str = ""
    interface: dict[str, Any] = field(default_factory=dict)

    def choice(self, password: str) -> DocumentChoice:
        """Of the document."""
        return DocumentChoice(self.pages, self.dpi, self.text_layer, password)


@dataclass(frozen=True)
class JobRecord:
    """One job.

    Attributes:
        order: what was asked.
        caller: whose limits count.
        created: seconds since 1970, as all times are.
        gateway: the id of the gateway that works on it; empty: of none, since that was stopped.
        status: of the work.
        attempts: gateways that began with it.
        started: when a gateway last began to read.
        ended: when the work was over.
        page_count: pages of the document; 0 until it was opened.
        pages: of them, to be read.
        pages_done: that are read or failed.
        pages_failed: that failed.
        failed_page: number of the first of these; 0: none.
        failed_code: HTTP status of that failure.
        failed_detail: of it, a sentence.
        document_bytes: of the document.
        pages_bytes: of the file of pages.
        pdf_bytes: of the searchable PDF.
        lines: read.
        words: read.
        seconds: from the opening to the last page.
        code: HTTP status of a failure.
        detail: of a failure, a sentence.
        headers: of a failure, such as `retry-after`.
        webhook: what became of it.
        webhook_attempts: calls so far.
        webhook_answer: to the last one.
    """

    order: Order
    caller: Principal
    created: float
    gateway: str
    status: Status = "waiting"
    attempts: int = 0
    started: float | None = None
    ended: float | None = None
    page_count: int = 0
    pages: int = 0
    document_bytes: int = 0
    pages_bytes: int = 0
    pdf_bytes: int = 0
    pages_done: int = 0
    pages_failed: int = 0
    failed_page: int = 0
    failed_code: int = 0
    failed_detail: str = ""
    lines: int = 0
    words: int = 0
    seconds: float = 0.0
    code: int = 0
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    webhook: WebhookStatus = ""
    webhook_attempts: int = 0
    webhook_answer: str = ""

    @property
    def is_over(self) -> bool:
        """Nobody works on the document any more."""
        return self.status in ("done", "failed")

    @property
    def is_settled(self) -> bool:
        """Nothing at all is left to be done."""
        return self.is_over and self.webhook != "pending"

    def failed(self, error: GatewayError, now: float) -> JobRecord:
        """The record of a job that ended with an error."""
        headers = {name: value for name, value in (error.headers or {}).items() if name == "retry-after"}
        return replace(
            self,
            status="failed",
            ended=now,
            code=error.status_code,
            detail=str(error.detail),
            headers=headers,
            webhook="pending" if self.order.webhook else "",
        )

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> JobRecord:
        """The inverse of `to_json`; what a newer gateway wrote besides is left out."""
        said = known_fields(cls, json.loads(data))
        order, caller = known_fields(Order, said.pop("order")), known_fields(Principal, said.pop("caller"))
        return cls(order=Order(**order), caller=Principal(**caller), **said)


def known_fields(kind: type[Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What a dataclass was written with, without the fields that it does not have."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in said.items() if name in names}


def payer_of(caller: Principal) -> str:
    """Whose share of the store and of the temporary folder a caller uses."""
    return caller.payer or space_of(caller.name)


def document_place(place: Place) -> Place:
    """Of a job's document; `place` is that of its progress, here and below."""
    return Place("document", place.space, place.id)


def pages_place(place: Place) -> Place:
    """Of a job's pages."""
    return Place("result", place.space, place.id)


def pdf_place(place: Place) -> Place:
    """Of a job's searchable PDF."""
    return Place("result", place.space, str(uuid.uuid5(uuid.UUID(place.id), "pdf")))


def job_label(record: JobRecord, settings: GatewaySettings, media_type: str = "application/json") -> Label:
    """Of a job's document and record, which outlast the job."""
    expires = record.created + settings.max_job_s + settings.result_lifetime_s + _SPARE_S
    return Label(media_type, expires, owner=record.caller.owner, payer=payer_of(record.caller))


async def delete_job(store: Store, place: Place) -> None:
    """Delete all that the store has of a job."""
    # The record last: while it is there, the rest can be deleted again.
    for each in (document_place(place), pages_place(place), pdf_place(place), place):
        await store.delete(each)


class KeptFailureError(GatewayError):
    """A failure that the store has kept, raised again with its own status."""

    def __init__(self, code: int, detail: str, headers: Mapping[str, str]) -> None:
        super().__init__(detail, headers)
        self.status_code = code


def job_answer(job_id: str, record: JobRecord) -> dict[str, Any]:
    """What a caller hears of a job, JSON-ready; times in seconds since 1970."""
    answer: dict[str, Any] = {
        "id": job_id,
        "status": record.status,
        "created": round(record.created, 3),
        "started": record.started and round(record.started, 3),
        "ended": record.ended and round(record.ended, 3),
        "page_count": record.page_count,
        "pages": record.pages,
        "pages_done": record.pages_done,
        "pages_failed": record.pages_failed,
        "lines": record.lines,
        "words": record.words,
        "seconds": round(record.seconds, 3),
        "attempts": record.attempts,
        "output": "pdf" if record.order.wants_pdf else record.order.output,
    }
    if record.status == "failed":
        answer["error"] = {"status": record.code, "detail": record.detail}
    if record.order.webhook:
        answer["webhook"] = {
            "status": record.webhook or "waiting",
            "attempts": record.webhook_attempts,
            "answer": record.webhook_answer,
        }
    return answer
