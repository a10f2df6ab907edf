"""The mask editor: strokes, steps, undo; no Qt."""
