"""The wheel brings everything that `digest run` needs in an empty environment."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_the_wheel_holds_templates_migrations_catalogues_and_the_sample(tmp_path: Path) -> None:
    """What is missing there is missing on the newspaper's server, and no test in a checkout would notice."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "var", "tests", "docs")
    shutil.copytree(PROJECT, source, ignore=ignored)
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(built, cwd=source, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "digest/config.example.env",
        "digest/templates/digest/body.mjml",
        "digest/templates/web/static/style.css",
        "digest/templates/web/sample/article.html",
        "digest/database/migrations/env.py",
        "digest/database/migrations/versions/0001_first_schema.py",
        "digest/locale/ko/LC_MESSAGES/digest.po",
        "digest/sample/articles.toml",
        "digest/py.typed",
    }
    assert wanted <= packed
    assert any(name.startswith("digest/sample/pictures/") for name in packed)
    assert not any(name.startswith(("tests/", "benchmarks/")) or name.endswith(".env.local") for name in packed)
