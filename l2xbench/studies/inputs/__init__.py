"""The LR and HR images of a study."""
