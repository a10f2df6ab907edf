"""A run that was not trained but written by hand: bright is Brain. For tests of what uses runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.learning.runs import MODEL_FILE, ONNX_FILE, Run, create_run, find_run, run_folder, update_run, write_split
from core.project.project import Project

SIZE = 32


def bright_model(folder: Path, labels: tuple[str, ...] = ("Brain",), *, size: int = SIZE) -> None:
    """Write a model that gives every label where a prepared slice is brighter than its mean."""
    shape = [None, 1, size, size]
    nodes = [
        helper.make_node("Mul", ["slices", "steep"], ["sharp"]),
        helper.make_node("Sigmoid", ["sharp"], ["one"]),
        helper.make_node("Concat", ["one"] * len(labels), ["masks"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("slices", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("masks", TensorProto.FLOAT, [None, len(labels), size, size])],
        [numpy_helper.from_array(np.array(20.0, dtype=np.float32), "steep")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())
    facts = {"labels": list(labels), "preparation": Preparation(size=size, slices=1).to_json()}
    (folder / MODEL_FILE).write_text(json.dumps(facts))


def bright_run(project: Project, parts: dict[str, list[str]], *, labels: tuple[str, ...] = ("Brain",)) -> Run:
    """Add a finished run with that model and this split (part to scan ids)."""
    run = create_run(project, TrainingConfig(labels=labels, size=64, slices=1))
    bright_model(run_folder(project, run.id), labels)
    split = {part: parts.get(part, []) for part in ("train", "validation", "test")}
    write_split(project, run.id, split | {"reasons": parts.get("reasons", []), "slices": parts.get("slices", {})})
    update_run(project, run.id, state="done", best_dice=0.5, best_epoch=1)
    return find_run(project, run.id)
