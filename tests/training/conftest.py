from models.tiny_fixtures import one_thread, small_backbone

__all__ = ["one_thread", "small_backbone"]
