/** The panel with the releases of the project; an evidence page opens in a tab. */

import { JupyterFrontEnd } from '@jupyterlab/application';
import { IFrame, MainAreaWidget } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { LabIcon } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { button, element } from './dom';
import { address, get, IRelease } from './server';

const icon = new LabIcon({
  name: 'nbrelease:releases',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
    <path class="jp-icon3" fill="#616161" d="M12 2l8 3v6c0 5-3.4 9.4-8 11-4.6-1.6-8-6-8-11V5zm-1.2 14l6-6-1.4-1.4-4.6 4.6-2.200-2.200L7.200 12.400z"/></svg>`
});

export class ReleasesPanel extends Widget {
  /** The path of a notebook of the project; empty for the folder of the server. */
  path = '';

  constructor(private app: JupyterFrontEnd) {
    super();
    this.id = 'nbrelease-releases';
    this.title.icon = icon;
    this.title.caption = 'nbrelease: releases';
    this.addClass('nbr-panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Releases');
    this.node.append(this._body);
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.refresh();
  }

  async refresh(): Promise<void> {
    const nodes: Node[] = [
      element('h2', {}, 'Releases'),
      element(
        'p',
        {},
        button('Refresh', () => this.refresh())
      )
    ];
    try {
      const query = { path: this.path };
      const { releases } = await get<{ releases: IRelease[] }>(
        'releases',
        query
      );
      const rows = releases.map(each => this.describe(each));
      nodes.push(
        rows.length > 0
          ? element('ul', {}, ...rows)
          : element('p', {}, 'No release yet.')
      );
    } catch (error) {
      nodes.push(element('p', {}, (error as Error).message));
    }
    this._body.replaceChildren(...nodes);
  }

  private describe(release: IRelease): HTMLElement {
    const row = element(
      'li',
      { className: `nbr-verdict-${release.verdict.replace(' ', '-')}` },
      element('strong', {}, release.verdict),
      ` ${release.env}, ${release.started} ${release.model}`,
      element('div', {}, release.headline)
    );
    if (release.page) {
      const open = button('Evidence', () => this.open(release));
      open.setAttribute('aria-label', `Evidence of ${release.id}`);
      row.append(open);
    }
    return row;
  }

  private open(release: IRelease): void {
    const content = new IFrame({
      sandbox: ['allow-same-origin', 'allow-popups']
    });
    const page = URLExt.encodeParts(release.page);
    content.url = address('nbrelease', 'evidence', page);
    content.title.label = release.id;
    content.title.icon = icon;
    content.node.querySelector('iframe')!.title = `Evidence of ${release.id}`;
    const widget = new MainAreaWidget({ content });
    this.app.shell.add(widget, 'main');
    this.app.shell.activateById(widget.id);
  }

  private _body = element('div', { className: 'nbr-head' });
}
