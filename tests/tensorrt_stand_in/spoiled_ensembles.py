"""Ensembles with one thing wrong: what is spoiled, what the build says, and what Triton says."""

from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.repository.configs import read_config


def repository_configs():
    """Configs of the project's models by name, as they are in the checkout."""
    return {path.parent.name: read_config(path) for path in model_repository().glob("*/config.pbtxt")}


def step_of(ensemble, model, number=0):
    return [step for step in ensemble.ensemble_scheduling.step if step.model_name == model][number]


def output_for_nobody(ensemble, configs):
    """What kept every repository of plans from loading."""
    for number in range(2):
        del step_of(ensemble, "ocrnet", number).input_map["CROP_WIDTHS"]
    del configs["ocrnet"].input[1:]


def first_crops_twice(ensemble, _):
    step_of(ensemble, "ocrnet", 1).input_map["input"] = "CROPS"


def input_that_is_not_there(ensemble, configs):
    del configs["ocrnet"].input[1:]


def input_left_out(ensemble, _):
    del step_of(ensemble, "text_decode").input_map["TURNED"]


def tensor_of_nobody(ensemble, _):
    step_of(ensemble, "text_decode").input_map["TURNED"] = "TURNT"


def output_of_nobody(ensemble, _):
    ensemble.output.add(name="LANGUAGE", data_type=model_config_pb2.TYPE_STRING, dims=[-1])


def made_twice(ensemble, _):
    step_of(ensemble, "ocrnet", 1).output_map["output_id"] = "OUTPUT_ID"


def ids_and_probabilities_swapped(ensemble, _):
    outputs = step_of(ensemble, "ocrnet").output_map
    outputs["output_id"], outputs["output_prob"] = outputs["output_prob"], outputs["output_id"]


def ids_of_64_bits(_, configs):
    configs["ocrnet"].output[0].data_type = model_config_pb2.TYPE_INT64


def map_of_other_rank(_, configs):
    configs["ocdnet"].output[0].dims[:] = [-1, -1]


def four_planes(_, configs):
    configs["ocdnet"].input[0].dims[2] = 4


def answer_of_another_type(ensemble, _):
    next(output for output in ensemble.output if output.name == "WORD_LINES").data_type = model_config_pb2.TYPE_INT64


def in_a_circle(ensemble, _):
    step_of(ensemble, "text_crop").input_map["BOXES"] = "BOXES"
    del step_of(ensemble, "text_decode").input_map["BOXES"]
    step_of(ensemble, "text_decode").input_map["BOXES"] = "CANDIDATES"


def output_that_is_not_there(ensemble, _):
    outputs = step_of(ensemble, "text_turn").output_map
    outputs["TURNED_LINES"] = outputs.pop("TURNED")


def model_that_is_not_there(ensemble, _):
    step_of(ensemble, "text_turn").model_name = "text_flip"


def no_steps(ensemble, _):
    del ensemble.ensemble_scheduling.step[:]


# What is wrong -> how, words of the build's reason, words of Triton's.
SPOILED = {
    "a tensor for nobody": (
        output_for_nobody,
        "TURNED_WIDTHS, made by text_turn, is unused",
        "'TURNED_WIDTHS' is unused",
    ),
    "the first crops twice": (
        first_crops_twice,
        "TURNED_CROPS, made by text_turn, is unused",
        "'TURNED_CROPS' is unused",
    ),
    "an input that the model lacks": (
        input_that_is_not_there,
        "CROP_WIDTHS is mapped to input CROP_WIDTHS of ocrnet, which has input",
        "non-existing input CROP_WIDTHS",
    ),
    "an input left out": (input_left_out, "nothing is mapped to input TURNED of text_decode", "TURNED"),
    "a tensor of nobody": (tensor_of_nobody, "TURNED, made by text_turn, is unused", "TURN"),
    "an output of nobody": (output_of_nobody, "LANGUAGE, which the caller reads, is made by no step", "LANGUAGE"),
    "a tensor made twice": (made_twice, "OUTPUT_ID is made twice, the second time by ocrnet", "only once"),
    "ids for probabilities": (ids_and_probabilities_swapped, "OUTPUT_ID is TYPE_FP32 .*and TYPE_INT32", "data type"),
    "ids of 64 bits": (ids_of_64_bits, r"OUTPUT_ID is TYPE_INT64 \[-1, -1\] of ocrnet, and TYPE_INT32", "data type"),
    "a map of another rank": (map_of_other_rank, r"PRED is TYPE_UINT8 \[-1, -1, -1\] of ocdnet, and", "shape"),
    "four planes": (four_planes, r"DETECTOR_INPUT is .*image_preprocess, and .*-1, 4\] of ocdnet", "shape"),
    "an answer of another type": (answer_of_another_type, "WORD_LINES is TYPE_INT64.*of ocdrnet, and", "data type"),
    "a circle": (in_a_circle, "text_crop waits for BOXES in a circle", "CROPS|not written|unused"),
    "an output that the model lacks": (
        output_that_is_not_there,
        "TURNED is mapped to output TURNED_LINES of text_turn, which has TURNED",
        "non-existing output TURNED_LINES",
    ),
    "a model that is not there": (model_that_is_not_there, "a step asks 'text_flip', which is no model", "text_flip"),
    "no steps": (no_steps, "it has no steps", "must specify 'step'"),
}
