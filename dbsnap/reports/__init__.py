"""What a drill proved, and the forms in which a pipeline or a person reads it."""
