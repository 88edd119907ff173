"""Losses: tensors in, per-sample or scalar values out; no model, device or process group."""
