// How the city does against its own targets: the wheel, then every KPI with what is missing and why.

import type { JSX } from "preact";
import { amountText, numberText, wordsOf } from "../format.ts";
import { useJson, type Loaded } from "../load.ts";
import { texts } from "../messages.ts";
import { Skeleton, Trouble } from "../parts.tsx";
import { hashOf, indicatorHash } from "../route.ts";
import { stepOf, type Named, type ScoreKpi, type ScorePoint, type Scores } from "../scorecard.ts";
import { city, time } from "../state.ts";
import { apiUrl } from "../stream.ts";
import { scoreText, Wheel } from "../wheel.tsx";

const EVERY_MS = 60_000;

function useScores(): Loaded<Scores> {
  return useJson<Scores>(apiUrl(["cities", city.value?.id ?? "", "scores"]), EVERY_MS);
}

/** The wheel on the overview: a link to all of it. */
export function SmallWheel(): JSX.Element | null {
  const loaded = useScores();
  if (loaded.state !== "there") return null;
  const { kpis, score } = loaded.found;
  return (
    <section class="score-card" aria-labelledby="score-title">
      <h2 id="score-title"><a href={hashOf("scores")}>{loaded.found.standard.title}</a></h2>
      {score.percent !== null && <Wheel scores={loaded.found} />}
      <p class="quiet">{texts.kpisLive(kpis.live, kpis.all)} {texts.pointsScored(score.scored, score.data_points)}</p>
    </section>
  );
}

export function ScoresPage(): JSX.Element {
  const loaded = useScores();
  if (loaded.state === "loading") return <Skeleton count={3} />;
  if (loaded.state === "failed") return <Trouble why={loaded.why} again={loaded.again} />;
  const scores = loaded.found;
  return (
    <div class="scores">
      <div class="scores-head">
        <Wheel scores={scores} />
        <div>
          <h2>{scores.standard.title}</h2>
          <p data-part="score">{scoreText(scores.score)}</p>
          <p class="quiet">{texts.asOf(time.value.full(Date.parse(scores.at)))} {texts.ownTargets}</p>
          <p class="quiet">{texts.kpisLive(scores.kpis.live, scores.kpis.all)} {texts.pointsScored(scores.score.scored, scores.score.data_points)}{" "}
            {texts.left(scores.score.no_data, scores.score.no_target)} {texts.provisionalKpis(scores.kpis.provisional)}</p>
          <Findings scores={scores} />
        </div>
      </div>
      {scores.dimensions.map((dimension) => (
        <section key={dimension.name} aria-label={dimension.name}>
          <h2><Step of={dimension} /> {dimension.name} <small class="quiet">{scoreText(dimension.score)}</small></h2>
          {dimension.sub_dimensions.flatMap((sub) => sub.categories.map((category) => (
            <details key={`${sub.name}|${category.name}`}>
              <summary><Step of={category} /> {sub.name} · {category.name} <span class="quiet">{scoreText(category.score)}</span></summary>
              <Kpis kpis={category.kpis} />
            </details>
          )))}
        </section>
      ))}
    </div>
  );
}

function Findings({ scores }: { scores: Scores }): JSX.Element | null {
  if (!scores.findings.length) return null;
  return (
    <>
      <h3>{texts.findings}</h3>
      <ul class="findings">{scores.findings.map((one) => <li key={one.check}>{one.says} <span class="quiet">{one.found}</span></li>)}</ul>
    </>
  );
}

function Step({ of }: { of: Named }): JSX.Element {
  return <i class="swatch step" data-step={stepOf(of.score)} aria-hidden="true" />;
}

function Kpis({ kpis }: { kpis: ScoreKpi[] }): JSX.Element {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">{texts.kpi}</th><th scope="col">{texts.value}</th><th scope="col">{texts.target}</th>
            <th scope="col">{texts.ofTarget}</th><th scope="col">{texts.fedBy}</th><th scope="col">{texts.missing}</th>
          </tr>
        </thead>
        <tbody>{kpis.flatMap((kpi) => kpi.data_points.map((point) => <Point key={point.id} kpi={kpi} point={point} />))}</tbody>
      </table>
    </div>
  );
}

function Point({ kpi, point }: { kpi: ScoreKpi; point: ScorePoint }): JSX.Element {
  const { result, target } = point;
  const shown = (value: number): string => amountText(value, Number.isInteger(value) ? 0 : 2, point.unit);
  return (
    <tr data-point={point.state}>
      <th scope="row" title={kpi.formula}>{point.title} <span class="quiet">{kpi.code}{kpi.provisional ? ` · ${texts.provisionalDefinition}` : ""}</span></th>
      <td>
        {result === null ? "–" : result.rule ? <a href={indicatorHash(result.rule, null)}>{shown(result.value)}</a> : shown(result.value)}
        {result?.estimate && <span class="quiet"> {texts.estimate(wordsOf(result.period))}</span>}
      </td>
      <td title={target?.source ?? ""}>{target === null ? "–" : shown(target.value)}</td>
      <td>{point.percent === null ? "–" : `${numberText(point.percent, 0)}\u202f%`}</td>
      <td>{texts.feeds[kpi.feed]}</td>
      <td>{[...point.missing, ...(point.state === "no_target" ? [point.target_problem ?? texts.noTarget] : [])].join("; ")}</td>
    </tr>
  );
}
