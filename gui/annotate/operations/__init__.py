"""Operations on a mask: the panel that asks for them, and what works them out."""
