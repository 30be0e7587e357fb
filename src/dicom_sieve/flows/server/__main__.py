"""``python -m dicom_sieve.flows.server``: what ``prefect server start`` does in the foreground, behind our door."""

from dicom_sieve import logs
from dicom_sieve.flows.server.arguments import read_arguments


def main() -> None:
    """Serve until stopped."""
    import uvicorn
    from prefect.settings import get_current_settings
    from uvicorn.config import LOGGING_CONFIG

    from dicom_sieve.flows.server.app import make_app

    logs.set_up()
    asked = read_arguments(__doc__)
    settings = get_current_settings().server
    uvicorn.run(
        make_app(asked.allow_host),
        host=asked.host,
        port=asked.port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_config=None if logs.is_json() else LOGGING_CONFIG,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main()
