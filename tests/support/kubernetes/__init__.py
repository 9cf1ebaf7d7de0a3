"""A real Kubernetes on one machine: its binaries, a control plane, and a node that runs pods."""
