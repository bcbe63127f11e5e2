"""The scoring scripts of the comparison; those under ``BROKEN`` do not start."""

API = (
    "from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp\n"
    "from azureml_inference_server_http.api.aml_response import AMLResponse\n"
)
TYPES = """
import json
import numpy as np, pandas as pd
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
"""
INIT = "def init():\n    pass\n"

SCRIPTS = {
    "plain": INIT + "def run(raw_data):\n    return raw_data\n",
    "parses": "import json\n" + INIT + "def run(data):\n    return json.loads(data)['input_data']\n",
    "raises": INIT + "def run(data):\n    raise ValueError('no')\n",
    "none": INIT + "def run(data):\n    return None\n",
    "not-json": INIT + "def run(data):\n    return {1, 2}\n",
    "status": API + "import json\n" + INIT + (
        "def run(data):\n    return AMLResponse({'n': len(data)}, 200 + len(data) % 5, json_str=True)\n"
    ),
    "error-status": API + INIT + "def run(data):\n    return AMLResponse('bad', 503, {'x-a': 'b, c'})\n",
    "flask": "import flask\n" + INIT + "def run(data):\n    return flask.Response('made', 201)\n",
    "raw": API + INIT + (
        "@rawhttp\ndef run(request):\n"
        "    return AMLResponse(f'{request.method} {request.args.to_dict()} {request.get_data()!r}', 200)\n"
    ),
    "headers": INIT + (
        "def run(data, request_headers):\n    return request_headers.get('X-Mine', 'none')\n"
    ),
    "numpy": TYPES + INIT + (
        "@input_schema('input_data', NumpyParameterType(np.array([[1.0, 2.0]])))\n"
        "@output_schema(NumpyParameterType(np.array([1.0])))\n"
        "def run(input_data):\n    return input_data.sum(axis=1).tolist()\n"
    ),
    "pandas": TYPES + INIT + (
        "@input_schema('input_data', PandasParameterType(pd.DataFrame({'a': [1], 'b': ['x']})))\n"
        "def run(input_data):\n    return [str(kind) for kind in input_data.dtypes]\n"
    ),
    "split": TYPES + INIT + (
        "sample = pd.DataFrame({'a': [1.5], 'b': [2]})\n"
        "@input_schema('input_data', PandasParameterType(sample, enforce_shape=False, orient='split'))\n"
        "def run(input_data):\n    return input_data.to_dict('records')\n"
    ),
    "nested": TYPES + INIT + (
        "sample = {'a': NumpyParameterType(np.array([1])), 'b': StandardPythonParameterType(1.0)}\n"
        "@input_schema('input_data', StandardPythonParameterType(sample))\n"
        "@input_schema('scale', StandardPythonParameterType(1.0), optional=True)\n"
        "def run(input_data, scale=2.0):\n"
        "    return {'a': np.asarray(input_data['a']).tolist(), 'scale': scale}\n"
    ),
}  # fmt: skip
BROKEN = {
    "init-raises": "def init():\n    raise ValueError('no')\ndef run(data):\n    return data\n",
    "no-init": "def run(data):\n    return data\n",
    "no-run": INIT,
    "no-parameter": INIT + "def run():\n    return 1\n",
    "only-headers": INIT + "def run(request_headers):\n    return 1\n",
    "arguments": INIT + "def run(*data):\n    return 1\n",
    "raw-and-schema": API + TYPES + INIT + (
        "@rawhttp\n@input_schema('data', StandardPythonParameterType(1))\ndef run(data):\n    return 1\n"
    ),
    "import": "import nowhere_to_be_found\n" + INIT + "def run(data):\n    return 1\n",
}  # fmt: skip
