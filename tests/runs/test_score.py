"""What networks are chosen by: the accuracy or, of a U-Net, the mean IoU."""

from dataclasses import replace

from dnsearch.runs.record import EpochRecord, Metrics, RunRecord, with_epoch
from dnsearch.runs.record_json import from_json, to_json


def test_a_u_net_s_best_epoch_has_the_highest_mean_iou(record: RunRecord, epoch: EpochRecord) -> None:
    record = replace(record, best=None, best_epoch=None)
    for number, (accuracy, overlap) in enumerate([(0.90, 0.3), (0.91, 0.5), (0.95, 0.4)], start=1):
        ended = replace(epoch, epoch=number, validation=Metrics(0.1, accuracy, 99, overlap))
        record = with_epoch(record, ended, 1.0, 1)
    assert record.best_epoch == 2
    assert record.best is not None and record.best.score == 0.5
    assert record.last is not None and record.last.score == 0.4


def test_without_masks_it_is_the_accuracy(record: RunRecord) -> None:
    assert Metrics(0.1, 0.9, 99).score == 0.9


def test_a_mean_iou_is_kept(epoch: EpochRecord) -> None:
    told = replace(epoch, validation=Metrics(0.1, 0.9, 99, 0.25))
    assert from_json(EpochRecord, to_json(told), "epochs.jsonl") == told
