"""VRM: a preference weighs several objectives, by the prompt, over semantic features of the responses."""
