"""Effects of single users summed out by quadrature: what is left are the global latents, whose posterior is close to a normal."""

from probrm.inference.integrated.frame import Frame, frame_of

__all__ = ["Frame", "frame_of"]
