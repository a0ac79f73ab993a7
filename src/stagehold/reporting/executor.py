"""What started a run, from the variables that CI systems set: Allure's `executor.json`.

Only names, numbers and addresses of builds are read, by a fixed list; nothing else of the surroundings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

Variables = Mapping[str, str]


def executor_of(variables: Variables) -> dict[str, str]:
    """`name`, `type`, `buildName`, `buildOrder`, `buildUrl` of the CI system at work; {} where there is none."""
    for marker, read in _SYSTEMS.items():
        if variables.get(marker):
            found = read(variables)
            found["buildUrl"] = _plain_url(found.get("buildUrl", ""))
            if not re.fullmatch(r"\d{1,12}", found.get("buildOrder", "")):
                found.pop("buildOrder", None)
            return {key: value for key, value in found.items() if value}
    return {}


def _github(at: Variables) -> dict[str, str]:
    server, repository, run = (at.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return {
        "name": "GitHub Actions",
        "type": "github",
        "buildName": f"{at.get('GITHUB_WORKFLOW', '')} #{at.get('GITHUB_RUN_NUMBER', '')}",
        "buildOrder": at.get("GITHUB_RUN_NUMBER", ""),
        "buildUrl": f"{server}/{repository}/actions/runs/{run}",
    }


def _gitlab(at: Variables) -> dict[str, str]:
    return {
        "name": "GitLab CI",
        "type": "gitlab",
        "buildName": f"{at.get('CI_JOB_NAME', '')} #{at.get('CI_PIPELINE_IID', '')}",
        "buildOrder": at.get("CI_PIPELINE_IID", ""),
        "buildUrl": at.get("CI_JOB_URL", ""),
    }


def _jenkins(at: Variables) -> dict[str, str]:
    return {
        "name": "Jenkins",
        "type": "jenkins",
        "buildName": f"{at.get('JOB_NAME', '')} #{at.get('BUILD_NUMBER', '')}",
        "buildOrder": at.get("BUILD_NUMBER", ""),
        "buildUrl": at.get("BUILD_URL", ""),
    }


def _azure(at: Variables) -> dict[str, str]:
    collection, project, build = (
        at.get(name, "") for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
    )
    return {
        "name": "Azure Pipelines",
        "type": "azure",
        "buildName": f"{at.get('BUILD_DEFINITIONNAME', '')} #{at.get('BUILD_BUILDNUMBER', '')}",
        "buildOrder": build,
        "buildUrl": f"{collection.rstrip('/')}/{project}/_build/results?buildId={build}",
    }


_SYSTEMS: dict[str, Callable[[Variables], dict[str, str]]] = {
    "GITHUB_ACTIONS": _github,
    "GITLAB_CI": _gitlab,
    "JENKINS_URL": _jenkins,
    "TF_BUILD": _azure,
}
"""By the variable that only this system sets."""


def _plain_url(text: str) -> str:
    """An http(s) address without user and password; "" for anything else."""
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    query = f"?{parts.query}" if re.fullmatch(r"buildId=\d+", parts.query) else ""
    return f"{parts.scheme}://{host}{port}{parts.path}{query}"
