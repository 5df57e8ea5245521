"""What an operator does: plans, guards, the runner, the audit log and the actions."""
