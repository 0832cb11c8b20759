"""Train on a governed data set, and have MLflow know where it came from.

    pip install mlflow-skinny pyarrow
    python mlflow_run.py churn-v4
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset


def gov(*words: str) -> str:
    """What `gov WORDS` prints; a refusal ends the run."""
    return subprocess.run(["gov", *words], check=True, capture_output=True, text=True).stdout


def main(name: str, directory: Path) -> str:
    """Export the data set under MLflow's own run id, train, and log what there is to prove it. The run's id."""
    with mlflow.start_run() as run:
        file = directory / f"{name}-{run.info.run_id}.parquet"
        gov("dataset", "export", name, "-o", str(file), "--run-id", run.info.run_id, "--croissant")
        gov("receipt", "verify", str(file))
        said: dict[str, Any] = json.loads(gov("receipt", "show", str(file), "--json"))
        receipt = said["predicate"]

        origin = {"gov.receipt": receipt["receipt"], "gov.target": receipt["target"],
                  "gov.dataset": receipt["dataset"], "gov.purpose": receipt["purpose"]}
        mlflow.set_tags(origin)
        mlflow.log_input(
            MetaDataset(CodeDatasetSource(origin), name=name, digest=said["subjects"][0]["sha256"][:36]),
            context="training",
        )
        for ending in (".receipt.json", ".tlog-proof", ".croissant.json"):
            mlflow.log_artifact(f"{file}{ending}", "origin")

        table = pyarrow.parquet.read_table(file)  # train here
        mlflow.log_metric("rows", table.num_rows)
        return str(run.info.run_id)


if __name__ == "__main__":
    print(main(sys.argv[1], Path.cwd()))
