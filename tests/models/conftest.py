from models.tiny_fixtures import small_backbone

__all__ = ["small_backbone"]
