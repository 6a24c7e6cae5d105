"""Keeps what lies in the working tree when `dvc exp run` starts (docs/decisions/0024-what-is-kept.md).

`dvc exp run` first brings every output to what `dvc.lock` says, with force: results that are not in it, of
stages run by hand or under another `dvc.lock`, would be deleted. It composes `conf/` before that, and Hydra
asks its search-path plugins whenever it composes; `.dvc/config` names this one to DVC. Our own commands do
not load it.
"""

from dvc.repo import Repo
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

KEPT = "kept as it lay there"  # in place of a command: DVC runs such a stage again


class KeepOutputs(SearchPathPlugin):
    """Puts outputs that `dvc.lock` does not know into DVC's cache, and into `dvc.lock`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:  # noqa: ARG002 - Hydra's signature
        """Change nothing of the search path; record the outputs before DVC looks for what to delete."""
        with Repo(Repo.find_root()) as repo:
            for stage in repo.index.stages:
                outs = [out for out in stage.outs if out.exists]
                if any(not out.hash_info or out.changed_checksum() for out in outs):
                    for out in outs:
                        out.save()
                        out.commit()
                    stage.cmd = KEPT
                    stage.dump(update_pipeline=False)
