from __future__ import annotations

import pytest
from config_tree import ConfigTree

from livinglab.config import Settings, config_dir, lab_ids, load_settings, secret
from livinglab.errors import ConfigError


@pytest.fixture
def tree(tmp_path):
    return ConfigTree(tmp_path)


def test_load_settings_of_the_demo_equals_the_documented_defaults(tree):
    settings = load_settings(tree.root)
    assert settings == Settings(state_dir=tree.root.parent / "state")


def test_load_settings_takes_the_environment_first(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("LIVINGLAB_STORE", "influxdb://influx:8086?org=labs&tls=1")
    monkeypatch.setenv("LIVINGLAB_HTTP_PORT", "0")
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", str(tmp_path / "elsewhere"))
    settings = load_settings(tree.root)
    assert settings.store == "influxdb://influx:8086?org=labs&tls=1"
    assert settings.http_port == 0
    assert settings.state_dir == tmp_path / "elsewhere"


def test_load_settings_state_dir_starts_beside_config_or_in_the_working_folder(
    tree, monkeypatch, tmp_path
):
    assert load_settings(tree.root).state_dir == tree.root.resolve().parent / "state"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVINGLAB_STATE_DIR", "here")
    assert load_settings(tree.root).state_dir == tmp_path / "here"


def test_load_settings_names_the_variable_that_is_wrong(tree, monkeypatch):
    monkeypatch.setenv("LIVINGLAB_HTTP_PORT", "many")
    tree.replace("livinglab.yaml", "keepalive_s: 30", "keepalive_s: 1")
    with pytest.raises(ConfigError) as caught:
        load_settings(tree.root)
    told = [str(problem) for problem in caught.value.problems]
    assert told == [
        "config/livinglab.yaml, line 22, keepalive_s: expected greater than or equal to 5, got 1",
        "environment, LIVINGLAB_HTTP_PORT: expected a number, got 'many'",
    ]


def test_load_settings_refuses_secrets_in_addresses(tree, monkeypatch):
    for address in ("influxdb://me:pw@host", "influxdb://host?token=abc"):
        monkeypatch.setenv("LIVINGLAB_STORE", address)
        with pytest.raises(ConfigError, match="LIVINGLAB_STORE") as caught:
            load_settings(tree.root)
        assert "pw@" not in str(caught.value)
        assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("BROKER", "127.0.0.1:1883", "expected an address with mqtt://, mqtts://"),
        ("BROKER", "mqtt://", "expected a host"),
        ("BROKER", "mqtt://host:port", "expected a port from 0 to 65535"),
        ("BROKER", "mqtt://host:99999", "expected a port from 0 to 65535"),
        ("BROKER", "mqtt://[::1", "Invalid IPv6 URL"),
        ("STORE", "influxdb://?org=x", "expected a host"),
        ("TIMEZONE", "CEST", "expected a time zone like Europe/Amsterdam"),
        ("SHARE_GROUP", "a/b", "LIVINGLAB_SHARE_GROUP"),
    ],
)
def test_load_settings_refuses_addresses_that_cannot_be(tree, monkeypatch, key, value, told):
    monkeypatch.setenv(f"LIVINGLAB_{key}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings(tree.root)
    assert told in str(caught.value)


def test_load_settings_takes_empty_variables_as_not_set(tree, monkeypatch):
    before = load_settings(tree.root)
    for key in Settings.model_fields:
        monkeypatch.setenv(f"LIVINGLAB_{key.upper()}", "")
    assert load_settings(tree.root) == before


def test_load_settings_of_another_encoding_names_the_line(tree):
    tree.write("livinglab.yaml", "client_id: a\nshare_group: caf\xe9\n".encode("cp1252"))
    with pytest.raises(ConfigError, match=r"livinglab.yaml, row 2: expected UTF-8"):
        load_settings(tree.root)


def test_config_dir_searches_argument_environment_and_working_folder(tree, monkeypatch, tmp_path):
    monkeypatch.delenv("LIVINGLAB_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert config_dir(tree.root) == tree.root
    assert config_dir().resolve() == tree.root.resolve()
    monkeypatch.setenv("LIVINGLAB_CONFIG", str(tmp_path))
    assert config_dir() == tmp_path


def test_config_dir_that_is_missing_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIVINGLAB_CONFIG", raising=False)
    with pytest.raises(ConfigError, match="LIVINGLAB_CONFIG is not set"):
        config_dir()
    monkeypatch.setenv("LIVINGLAB_CONFIG", "/no/such/folder")
    with pytest.raises(ConfigError, match="/no/such/folder"):
        config_dir()


def test_lab_ids_lists_folders_without_loading(tree):
    tree.write("labs/lombok/lab.yaml", "broken: [")
    expected = ("buiksloterham", "internationale-zone", "lombok", "stratumseind")
    assert lab_ids(tree.root) == expected


def test_secret_from_environment_or_file(monkeypatch, tmp_path):
    monkeypatch.setenv("LIVINGLAB_STORE_TOKEN", "abc")
    assert (
        secret("STORE_TOKEN") == secret("store_token") == secret("LIVINGLAB_STORE_TOKEN") == "abc"
    )
    monkeypatch.delenv("LIVINGLAB_STORE_TOKEN")
    (tmp_path / "token").write_text("from file\n")
    monkeypatch.setenv("LIVINGLAB_STORE_TOKEN_FILE", str(tmp_path / "token"))
    assert secret("STORE_TOKEN") == "from file"


def test_secret_that_is_missing_lists_every_place(monkeypatch):
    monkeypatch.delenv("LIVINGLAB_STORE_TOKEN", raising=False)
    monkeypatch.delenv("LIVINGLAB_STORE_TOKEN_FILE", raising=False)
    assert secret("STORE_TOKEN") is None
    with pytest.raises(ConfigError, match=r"LIVINGLAB_STORE_TOKEN.*LIVINGLAB_STORE_TOKEN_FILE"):
        secret("STORE_TOKEN", required=True)


def test_secret_given_twice_or_unreadable_is_refused_without_showing_it(monkeypatch, tmp_path):
    monkeypatch.setenv("LIVINGLAB_STORE_TOKEN", "s3cret")
    monkeypatch.setenv("LIVINGLAB_STORE_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="given twice") as caught:
        secret("STORE_TOKEN")
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("LIVINGLAB_STORE_TOKEN")
    with pytest.raises(ConfigError, match="cannot read"):
        secret("STORE_TOKEN")
