"""A whole Strata deployment on one machine: registry, hub, service, labs on two stacks."""

USERS = ("scientist", "approver", "admin")
