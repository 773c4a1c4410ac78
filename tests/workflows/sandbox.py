"""Temporal's sandbox, which keeps the workflow deterministic in the tests.

The worker itself runs without it: see docs/decisions/unsandboxed-workflows.md.
"""

from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


def sandbox() -> WorkflowRunner:
    """A runner that refuses nondeterministic calls."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("activities", "dynavera")
    )
