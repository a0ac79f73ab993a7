"""What runs is the very build that is to be released."""

from __future__ import annotations

from stagehold import check


@check(
    "FUN-001",
    severity="blocker",
    proves=["release-identity"],
    why="Everything else was proven for another build than the one that is to be released.",
    remedy="Deploy the release candidate to every node, or test the build that is deployed; then run again.",
    needs=["release.expected_digest", "release.version_probe"],
    defects=["previous-build-deployed"],
    traffic="evidence",
)
def test_every_node_runs_the_candidate(build_samples, candidate_digest, evidence):
    """Every node runs the build that is to be released.

    Every pinned address of the version probe's target is asked several times on fresh connections; each answer
    must equal `release.expected_digest`. A node that does not answer, or does not tell its build, makes the
    check inconclusive. Sources: ASVS 15.1.2; the statement's sentence on tested updates.
    """
    told = sorted({sample.digest for sample in build_samples})
    evidence.table(
        "builds per sample",
        ["sample", "node", "digest", "is the candidate"],
        [[s.number, s.node, s.digest, s.digest == candidate_digest] for s in build_samples],
    )
    evidence.json("observed-digest", {"expected": candidate_digest, "observed": told})
    evidence.compare(expected=candidate_digest, observed=", ".join(told))
    others = [sample for sample in build_samples if sample.digest != candidate_digest]
    evidence.reproduce((others or build_samples)[0].reproduction if build_samples else "")

    assert build_samples
    assert not others, (
        f"{len(others)} of {len(build_samples)} answers name another build than the candidate: "
        f"{', '.join(sorted({sample.digest for sample in others}))} at {', '.join(sorted({s.node for s in others}))}"
    )
