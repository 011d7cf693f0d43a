"""Twenty thousand rows come in with the memory of two thousand."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROWS = (2_000, 20_000)
ALLOWED_MB = 24
SCRIPT = textwrap.dedent(
    """
    import os, resource, sys, tempfile
    from pathlib import Path
    from marketplace.app import create_app
    from marketplace.domain import actors
    from marketplace.extensions import db
    from marketplace.integrations import migrations, sheets
    from marketplace.integrations.files import FolderStore
    from marketplace.jobs.runner import Runner
    from marketplace.models.jobs import ImportJob
    from marketplace.services import imports, organisations
    from seeds import loader

    rows, mode = int(sys.argv[1]), sys.argv[2]
    folder = Path(os.environ["JIEBANG_DATA_DIR"])
    app = create_app()
    with app.app_context():
        migrations.upgrade(db.engine)
        session = db.session()
        loader.load_reference(session)
        clock = app.extensions["jiebang.clock"]
        system = actors.system(clock.now())
        organisations.create(
            session, system, {"name": "大学", "org_type": "UNIV", "region": "370102"}
        )
        session.commit()
        with (folder / "in.csv").open("w+b") as stream:
            abstract = "低温梯度成形工艺显著提高薄壁件的成形精度。" * 10
            lines = (
                ("成果", f"成形技术{n}", f"{n}{abstract}", "铝合金；成形", "大学")
                for n in range(rows)
            )
            heading = ("类型", "成果名称", "成果简介", "关键词", "所属单位")
            sheets.write(stream, sheets.CSV, heading, lines)
            job = imports.request(
                session,
                actors.system(clock.now()),
                FolderStore(folder / "files"),
                stream,
                filename="in.csv",
                kind="offers",
                mode=mode,
                dry_run=False,
                publish=False,
                limit=10**9,
            )
        job_id = job.id
        session.commit()
        db.session.remove()
    assert Runner(app).run_once()
    with app.app_context():
        job = db.session.get(ImportJob, job_id)
        assert (job.state.value, job.rows_kept) == ("DONE", rows), job.error
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
)


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["good", "all"])
def test_memory_does_not_grow_with_the_sheet(tmp_path, mode):
    peaks = []
    for rows in ROWS:
        folder = tmp_path / str(rows)
        folder.mkdir()
        environment = {
            name: value for name, value in os.environ.items() if name != "DATABASE_URL"
        } | {
            "JIEBANG_DATA_DIR": str(folder),
            "JIEBANG_LOG_LEVEL": "CRITICAL",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(rows), mode],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        peaks.append(int(run.stdout) / 1024)
    assert peaks[1] < peaks[0] + ALLOWED_MB, peaks
