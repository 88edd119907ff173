"""What all models that travel have in common."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from attrieve.errors import nearest_names


class RequestModel(BaseModel):
    """What a client sends; a field that is not known is refused, with the nearest that is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_nearest(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for name in given:
                if name not in cls.model_fields:
                    near = nearest_names(str(name), cls.model_fields, most=1)
                    advice = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(cls.model_fields)}"
                    raise PydanticCustomError(
                        "unknown_field",
                        "unknown field '{name}'; {advice}",
                        {"name": str(name), "advice": advice},
                    )
        return given


class AnswerModel(BaseModel):
    """What the service sends; a client ignores fields that a newer service has added."""

    model_config = ConfigDict(frozen=True, extra="ignore")
