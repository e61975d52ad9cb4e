"""Bodies of the NIM, and the schema of its answers, written from its interface page rather than from the code."""

import base64


def data_url(image, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def nim_body(*images, levels=None):
    body = {"input": [{"type": "image_url", "url": data_url(image)} for image in images]}
    return body if levels is None else {**body, "merge_levels": levels}


_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_DETECTION = _object(
    {
        "text_prediction": _object({"text": {"type": "string"}, "confidence": _SHARE}),
        "bounding_box": _object(
            {
                "points": {
                    "type": "array",
                    "items": _object({"x": _SHARE, "y": _SHARE}),
                    "minItems": 4,
                    "maxItems": 4,
                },
                "type": {"const": "quadrilateral"},
            }
        ),
    }
)
NIM_ANSWER = _object(
    {
        "data": {
            "type": "array",
            "items": _object(
                {
                    "index": {"type": "integer", "minimum": 0},
                    "text_detections": {"type": "array", "items": _DETECTION},
                }
            ),
        },
        "model": {"type": "string", "minLength": 1},
        "usage": _object({"images_size_mb": {"type": "number", "minimum": 0}}),
    }
)
NIM_INVALID = {
    "type": "object",
    "properties": {
        "detail": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string", "minLength": 1},
                    "type": {"type": "string", "minLength": 1},
                },
                "required": ["loc", "msg", "type"],
            },
        }
    },
    "required": ["detail"],
    "additionalProperties": False,
}
