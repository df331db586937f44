"""The server extension: it tells the scheduler when the server's event loop runs, and when the server stops."""

from typing import Any

from jupyter_server.extension.application import ExtensionApp


class NbargoApp(ExtensionApp):
    """Has no handlers and no settings: jupyter-scheduler's are used."""

    name = "nbargo_submitter"

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        scheduler = _scheduler(serverapp)
        if scheduler:
            scheduler.knows_kernels(serverapp.kernel_spec_manager)
            scheduler.start()

    async def stop_extension(self) -> None:
        """End the child watcher and close the connections to the cluster."""
        scheduler = _scheduler(self.serverapp)
        if scheduler:
            await scheduler.close()


def _scheduler(serverapp: Any) -> Any:
    """Return the server's ArgoScheduler, or None if another scheduler is configured."""
    from nbargo_submitter.scheduler import ArgoScheduler  # noqa: PLC0415 - after jupyter_scheduler has loaded it

    scheduler = serverapp.web_app.settings.get("scheduler")
    return scheduler if isinstance(scheduler, ArgoScheduler) else None
