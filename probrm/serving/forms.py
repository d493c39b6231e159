"""What is asked and answered, as pydantic models: they are the OpenAPI schema, too."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from probrm.data.messages import ROLES
from probrm.posterior import Risk


class _Asked(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)  # clients send fields of their engine's that mean nothing here


class Message(_Asked):
    """One turn of a chat."""

    role: str = Field(json_schema_extra={"enum": list(ROLES)})
    content: str


# The first wrong entry ends the reading: a million of them would take seconds and gigabytes to tell of.
Messages = Annotated[list[Message], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True)]
Prompt = str | Messages


class Item(_Asked):
    """An answer with its prompt."""

    prompt: Prompt
    response: str


class ScoreAsked(_Asked):
    """``POST /score``."""

    items: list[Item] = Field(min_length=1, fail_fast=True)


class Scored(BaseModel):
    """What is known of an answer's reward; the fields of ``probrm.posterior.Rewards``, and of a row that ``probrm score`` writes."""

    reward: float
    reward_sd: float
    reward_low: float
    reward_high: float
    reward_own_low: float
    reward_own_high: float
    probability: float
    probability_low: float
    probability_high: float
    epistemic_sd: float
    aleatoric_sd: float


class ScoreAnswer(BaseModel):
    """One entry an item, in their order."""

    model: str
    scores: list[Scored]


class RankAsked(_Asked):
    """``POST /rank``: several answers to one prompt."""

    prompt: Prompt
    responses: list[str] = Field(min_length=1, fail_fast=True)
    risk: Risk = "mean"
    abstain: float | None = Field(default=None, ge=0, le=1)


class RankAnswer(BaseModel):
    """The fields of ``probrm.posterior.Ranking``; lists have one entry a response."""

    model: str
    chosen: int | None
    reward: list[float]
    p_best: list[float]
    rank: list[float]
    rank_low: list[float]
    rank_high: list[float]
    advantage: list[float]
    advantage_low: list[float]
    regret: float


class RewardAsked(_Asked):
    """OpenRLHF's form (``--reward.remote_url``)."""

    query: list[str] = Field(min_length=1, fail_fast=True)
    prompts: Texts
    labels: list[Any] | None = None


class RewardAnswer(BaseModel):
    """``scores`` are probabilities that the answer is preferred, by which OpenRLHF filters."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


class ClassifyAsked(_Asked):
    """vLLM's form: texts that a chat template wrote, or messages of which the last is the answer."""

    model: str | None = None
    input: str | Texts | None = None
    messages: Messages | None = None
    use_activation: bool | None = None
    activation: bool | None = None
    """What vLLM called it before 0.11.2."""

    @property
    def raw(self) -> bool:
        """Whether the logit is wanted, and not the probability."""
        return False in (self.use_activation, self.activation)


class EmbedAsked(_Asked):
    """SGLang's form of a reward, ``POST /v1/embeddings``."""

    model: str | None = None
    input: str | Texts


class Embedding(BaseModel):
    """The reward as a vector of one number."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float]


class EmbedAnswer(BaseModel):
    """As SGLang has it, without counts of tokens."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]


class Class(BaseModel):
    """The reward as the one class there is."""

    index: int
    label: str = "LABEL_0"
    probs: list[float]
    num_classes: int = 1


class ClassifyAnswer(BaseModel):
    """As vLLM has it, without counts of tokens."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[Class]


class Fault(BaseModel):
    """What was wrong, and how to correct it."""

    code: str
    message: str
    fix: str | None = None


class ErrorAnswer(BaseModel):
    """Of every answer that is not 200."""

    error: Fault


class Health(BaseModel):
    """``ok``, ``ready`` or ``stopping``."""

    status: str
