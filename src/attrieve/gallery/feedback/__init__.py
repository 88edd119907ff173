"""Hits marked right or wrong, and what that changes in a search: bounded, shown, and taken back at will."""

from attrieve.gallery.feedback.changes import RankChange, rank_changes
from attrieve.gallery.feedback.marks import Mark, Marks
from attrieve.gallery.feedback.refinement import Feedback, FeedbackLimits, WeightChange, with_feedback

__all__ = [
    "Feedback",
    "FeedbackLimits",
    "Mark",
    "Marks",
    "RankChange",
    "WeightChange",
    "rank_changes",
    "with_feedback",
]
