"""Parts of a search's answer as wire models."""

from collections.abc import Sequence

from attrieve.gallery.feedback import Feedback
from attrieve.gallery.next_question import next_questions
from attrieve.schema import AttributeQuery
from attrieve.schema.sentence import Statement
from attrieve.serving.ranking import Ranked
from attrieve.serving.wire.search import (
    FeedbackView,
    PieceView,
    QueryView,
    QuestionView,
    TermView,
    WeightChangeView,
)


def query_view(statement: Statement) -> QueryView:
    """Return a description as it was understood."""
    query = statement.query
    return QueryView(
        text=query.to_text(),
        terms=[
            TermView(
                attributes=[query.schema.names[index] for index in term.attributes],
                wanted=term.wanted,
                certainty=term.certainty,
                text=AttributeQuery(query.schema, (term,)).to_text(),
            )
            for term in query.terms
        ],
        understood=[
            PieceView(
                text=piece.text,
                start=piece.start,
                end=piece.end,
                part=piece.part.value,
                meaning=piece.meaning,
            )
            for piece in statement.pieces
        ],
        ignored=list(statement.ignored),
    )


def question_views(ranked: Ranked, most: int, said: Sequence[AttributeQuery]) -> list[QuestionView]:
    """Return what to ask next, the best first; nothing for a model that recognises nothing.

    Args:
        ranked: the rows to tell apart.
        most: how many questions.
        said: what each witness said, if there are witnesses; what they named is not asked again.
    """
    gallery = ranked.scope.gallery
    if not gallery.model.recognises:
        return []
    return [
        QuestionView(
            attribute=gallery.schema.names[one.attribute], label=one.label, bits=one.bits, share=one.share
        )
        for one in next_questions(gallery, ranked.query, ranked.bare(), most=most, said=said)
    ]


def feedback_view(feedback: Feedback) -> FeedbackView:
    """Return what marks changed in a search."""
    return FeedbackView(
        right=list(feedback.marks.right),
        wrong=list(feedback.marks.wrong),
        weights=[
            WeightChangeView(
                label=change.label,
                attributes=list(change.attributes),
                wanted=change.wanted,
                before=change.before,
                after=change.after,
            )
            for change in feedback.weights
        ],
        embedding_angle_degrees=feedback.angle_degrees,
    )
