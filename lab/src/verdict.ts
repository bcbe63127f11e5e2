/** The verdict of an executed runbook, above its cells. */

import { NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import { element } from './dom';

/** A part of the result in the metadata of an executed notebook. */
interface IResult {
  verdict: string;
  reason: string | null;
  env: string;
  release_id: string;
  seconds: number | null;
  cells: { state: string }[];
}

export function showVerdict(notebook: NotebookPanel): void {
  const bar = new Widget();
  bar.addClass('nbr-verdict');
  notebook.contentHeader.addWidget(bar);
  const update = () => {
    const result = notebook.model?.getMetadata('nbrelease') as
      IResult | undefined;
    bar.setHidden(result?.verdict === undefined);
    if (result?.verdict !== undefined) {
      const counts = new Map<string, number>();
      result.cells.forEach(({ state }) =>
        counts.set(state, (counts.get(state) ?? 0) + 1)
      );
      const parts = [
        ...[...counts].map(([state, count]) => `${count} ${state}`),
        result.seconds === null ? '' : `${result.seconds.toFixed(1)} s`,
        result.env,
        result.release_id,
        result.reason ?? ''
      ];
      bar.node.dataset.verdict = result.verdict;
      bar.node.replaceChildren(
        element('strong', {}, result.verdict),
        ` ${parts.filter(each => each !== '').join(' · ')}`
      );
    }
  };
  notebook.context.fileChanged.connect(update);
  update();
}
