"""The server extension: it tells the scheduler when the server's event loop runs, and when the server stops."""

from typing import Any, Final

from jupyter_server.extension.application import ExtensionApp

_NOT_OURS: Final = (
    "jupyter-scheduler uses %s.%s, so jobs do not go to Argo by nbargo. If they should: a configuration file sets "
    "c.SchedulerApp.scheduler_class, and that line has to go"
)


class NbargoApp(ExtensionApp):
    """Has no handlers and no settings: jupyter-scheduler's are used."""

    name = "nbargo_submitter"

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        scheduler = _scheduler(serverapp)
        if scheduler:
            scheduler.knows_kernels(serverapp.kernel_spec_manager)
            scheduler.start()
        elif other := serverapp.web_app.settings.get("scheduler"):
            serverapp.log.warning(_NOT_OURS, type(other).__module__, type(other).__name__)

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
