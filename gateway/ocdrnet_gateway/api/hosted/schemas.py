"""Requests and answers of the hosted endpoint, with its spelling."""

from __future__ import annotations

from pydantic import BaseModel, Field

_MAX_DESCRIPTION = 256
# Both go into headers of the upload, so neither may hold what would end a header or start another one.
_MEDIA_TYPE = r"^image/[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$"
_PRINTABLE_ASCII = r"^([!-~]([ -~]*[!-~])?)?$"


class CreateAsset(BaseModel):
    """What is going to be uploaded."""

    contentType: str = Field(pattern=_MEDIA_TYPE, description="an image's media type; the upload must say the same")
    description: str = Field(
        default="",
        max_length=_MAX_DESCRIPTION,
        pattern=_PRINTABLE_ASCII,
        description="the caller's own words, printable ASCII; the upload must say the same",
    )


class Asset(BaseModel):
    """One asset."""

    assetId: str
    contentType: str
    description: str


class CreatedAsset(Asset):
    """An asset and where to upload it."""

    uploadUrl: str = Field(description="absolute and pre-signed: PUT the image there, without a key")


class OneAsset(BaseModel):
    """One asset, by its id."""

    asset: Asset


class AssetList(BaseModel):
    """All of the caller's assets."""

    assets: list[Asset]


class OcdrnetRequest(BaseModel):
    """What to read."""

    image: str = Field(min_length=1, description="an asset's id, or data:image/...;base64,...")
    render_label: bool = Field(
        default=False, description="draw the text beside each box in the returned image, or the boxes alone"
    )


class Polygon(BaseModel):
    """Four corners in original pixels, clockwise from the text's top-left."""

    x1: float
    y1: float
    x2: float
    y2: float
    x3: float
    y3: float
    x4: float
    y4: float


class Detection(BaseModel):
    """One line of text."""

    label: str
    polygon: Polygon
    confidence: float = Field(ge=0, le=1)


class ResponseFile(BaseModel):
    """The file `<requestId>.response` of the zip."""

    metadata: list[Detection]
