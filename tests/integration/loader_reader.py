"""Documents through a tool's own loader, run by an interpreter that has it: `python loader_reader.py SETTINGS`.

SETTINGS is JSON: `tool` is a name in `TOOLS`, `url` and `key` are the gateway's, and `reads` are pairs of a path and
the tool's options for it. For each a line of JSON has `documents`, the texts and metadata that the tool made of the
file, or `error`, its exception. The last line has `outside`: whatever was asked of another machine, and refused.
"""

import json
import mimetypes
import os
import sys
import tempfile
from pathlib import Path

outside = []


def refuse_other_machines(event, arguments):
    """An audit hook: every name that Python looks up, and every address that it connects to, is this machine's."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in ("127.0.0.1", "localhost"):
        outside.append(str(host))
        raise OSError(f"{host} is another machine")


def markitdown(url, key):
    """As with `markitdown --use-docintel --endpoint`; the one option is another key."""
    from azure.core.credentials import AzureKeyCredential
    from markitdown import MarkItDown

    def read(file, key=key):
        tool = MarkItDown(docintel_endpoint=url, docintel_credential=AzureKeyCredential(key))
        return [(tool.convert(file).text_content, {})]

    return read


def langchain(url, key):
    """The loader of langchain-community; further options are those of the class."""
    from langchain_community.document_loaders import AzureAIDocumentIntelligenceLoader

    def read(file, key=key, **options):
        loaded = AzureAIDocumentIntelligenceLoader(url, key, file, **options).load()
        return [(document.page_content, document.metadata) for document in loaded]

    return read


def open_webui(url, key):
    """Open WebUI's settings from the environment, and its choice of a loader by them; options are further settings.

    Nothing of it is replaced. It is the slim variant, which has no readers of its own. Its database stays unmade: there
    the program keeps the settings that an administrator changes.
    """
    os.environ |= {
        "DOCUMENT_INTELLIGENCE_ENDPOINT": url,
        "DOCUMENT_INTELLIGENCE_KEY": key,
        "MISTRAL_OCR_API_BASE_URL": f"{url}/v1",
        "MISTRAL_OCR_API_KEY": key,
        "DATA_DIR": tempfile.mkdtemp(),
        "ENABLE_DB_MIGRATIONS": "false",
        "FROM_INIT_PY": "true",  # installed as a package
        "USE_SLIM_DOCKER": "true",
        "WEBUI_SECRET_KEY": "for nobody's sessions",
    }
    from open_webui.config import DEFAULT_CONFIG
    from open_webui.retrieval.loaders.main import Loader

    def read(file, **options):
        name = Path(file).name
        loaded = Loader(DEFAULT_CONFIG | options).load(name, mimetypes.guess_type(name)[0], file)
        return [(document.page_content, document.metadata) for document in loaded]

    return read


TOOLS = {"markitdown": markitdown, "langchain": langchain, "open-webui": open_webui}


def main():
    """Reads every file, each with its options."""
    settings = json.loads(sys.argv[1])
    sys.addaudithook(refuse_other_machines)
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        read = TOOLS[settings["tool"]](settings["url"], settings["key"])
        for file, options in settings["reads"]:
            try:
                answer = {"documents": read(file, **options)}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
    print(json.dumps({"outside": outside}))


if __name__ == "__main__":
    main()
