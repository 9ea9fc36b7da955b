"""Maps that show what a network looked at: of its attention, of its classifier, of its gradients."""
