"""Every task keeps the seam's promises, with every kind of space that it has."""

import pytest

from luts.errors import CorruptFileError, UserError
from luts.spaces import load_space
from supernet.data.images.find import find_images
from supernet.data.images.source import ImageSource
from supernet.tasks.base import task_of
from supernet.tasks.scored_images import note_of
from tests.conformance.task import TaskConformance
from tests.supernet.images import tiny_image_settings, write_folder


def image_note(recipe, place=None):
    """What an accuracy source of a recipe remembers of a few images."""
    space, settings = load_space(recipe), tiny_image_settings()
    source = ImageSource(find_images(place or "digits"), settings, space.input_height,
                         space.input_width, space.classes)
    return note_of(source, place)


class TestOpticalFlow(TaskConformance):
    @pytest.fixture(scope="class")
    def recipe(self):
        return "flownas-small"

    @pytest.fixture(scope="class")
    def note(self):
        return {}

    def test_its_pairs_are_rendered_anywhere(self, task, space, tmp_path):
        with pytest.raises(UserError, match="rendered pairs"):
            task.hand_over(space, {}, tmp_path)


class TestClassification(TaskConformance):
    """Chains, rows with attention, and cells."""

    @pytest.fixture(scope="class", params=[
        "bn-nas-small", "fbnetv2-f-split-small", "parsec-darts-small"])
    def recipe(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def note(self, recipe):
        return image_note(recipe)

    def test_its_classes_have_names(self, handed):
        assert handed.preprocessing["outputs"]["logits"]["classes"] == list("0123456789")
        assert "CC BY 4.0" in handed.data_terms


def test_images_are_found_where_they_are_now_if_they_are_the_same(tmp_path):
    recipe, before = "bn-nas-small", tmp_path / "before"
    note = image_note(recipe, write_folder(before))
    task, space = task_of(recipe), load_space(recipe)
    assert "licence is not known" in task.hand_over(space, note).data_terms
    now = before.rename(tmp_path / "now")
    with pytest.raises(UserError, match=r"no image set '.*before'.*--data"):
        task.hand_over(space, note)
    assert len(task.hand_over(space, note, now).inputs) == 4
    others = write_folder(tmp_path / "others", each=13)
    with pytest.raises(UserError, match=r"images of '.*others' are not those.*--data"):
        task.hand_over(space, note, others)


def test_a_note_that_is_missing_or_damaged_is_refused_in_words():
    task, space, note = task_of("bn-nas-small"), load_space("bn-nas-small"), image_note(
        "bn-nas-small")
    with pytest.raises(UserError, match="kept no note"):
        task.hand_over(space, {})
    with pytest.raises(CorruptFileError, match="has no 'images_sha256'"):
        task.hand_over(space, {k: v for k, v in note.items() if k != "images_sha256"})
    with pytest.raises(UserError, match="held_out"):
        task.hand_over(space, {**note, "settings": {**note["settings"], "held_out": 2.0}})
