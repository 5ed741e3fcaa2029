#pragma once

#include <string_view>

namespace rtml::monitor {

/// Of the report page. One accent; orange is for alarms alone; the hues of the other lines differ in dash too.
inline constexpr std::string_view page_style = R"css(
:root{color-scheme:light dark;--bg:#fff;--ink:#1a1f24;--soft:#59636e;--rule:#e1e5e9;--faint:#f5f7f8;--accent:#0a5ea8;--alarm:#b3410e;
--was:#cfd5db;--h0:#eef2f6;--h1:#cbdcec;--h2:#93b9dc;--h3:#3f82bd;--h4:#083a6b;--c1:#b26a00;--c2:#8a4f9e;--c3:#1f7a52;--c4:#59636e;--c5:#a3386c}
@media (prefers-color-scheme:dark){:root{--bg:#15181b;--ink:#e4e7ea;--soft:#9aa4ae;--rule:#2c3238;--faint:#1c2024;--accent:#6db3f2;--alarm:#f0935a;
--was:#454d55;--h0:#20272e;--h1:#24435f;--h2:#2f6a9d;--h3:#5fa8e6;--h4:#c9e4ff;--c1:#e0a040;--c2:#c496d6;--c3:#62c499;--c4:#9aa4ae;--c5:#e08ab2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 3rem}
h1{font-size:1.05rem;font-weight:600;margin:0;overflow-wrap:anywhere}
h2{font-size:1.15rem;font-weight:600;margin:2.75rem 0 .25rem;padding-top:.9rem;border-top:1px solid var(--rule)}
h3{font-size:.95rem;font-weight:600;margin:1.5rem 0 .35rem}
p{margin:.35rem 0;max-width:44rem;overflow-wrap:anywhere}
.muted,.note,.sub{color:var(--soft)}
.note,.sub{font-size:.87rem}
.verdict{font-size:1.5rem;line-height:1.3;font-weight:600;margin:1rem 0 1.25rem;max-width:48rem}
.verdict svg{width:.72em;height:.72em;margin-right:.4em;fill:var(--accent)}
.alarm .verdict svg,svg.flag{fill:var(--alarm)}
svg.flag{width:.6em;height:.6em;margin-right:.35em}
dl.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.75rem,1fr));gap:1rem 1.25rem;margin:0}
dl.tiles dt{color:var(--soft);font-size:.82rem}
dl.tiles dd{margin:0;font-size:1.3rem;line-height:1.35}
dl.tiles small{display:block;font-size:.82rem;color:var(--soft)}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem;min-width:24rem}
th{font-weight:600;text-align:left;color:var(--soft);font-size:.82rem;vertical-align:bottom}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--rule)}
td{vertical-align:top}
.n{text-align:right;white-space:nowrap}
td.w{min-width:11rem;max-width:30rem;overflow-wrap:anywhere}
td.k{max-width:20rem;overflow-wrap:break-word}
tr.main td{font-weight:600}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);font-size:.9rem}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.3rem;margin:.6rem 0 .5rem;padding:0;font-size:.87rem}
ul.legend b{font-weight:600}
svg.key{width:28px;height:8px;margin-right:.45rem;vertical-align:middle}
.plot{display:grid;grid-template-columns:5.5rem 1fr;padding-right:1.2rem}
.plot>svg{width:100%;height:15rem;display:block;margin-top:.3rem;border-bottom:1px solid var(--soft)}
.y{position:relative;margin-top:.3rem;font-size:.8rem;color:var(--soft)}
.y span{position:absolute;right:.55rem;transform:translateY(50%);white-space:nowrap}
.x{grid-column:2;position:relative;height:1.5rem;font-size:.8rem;color:var(--soft)}
.x span{position:absolute;top:.2rem;transform:translateX(-50%);white-space:nowrap}
.lane,.row{display:grid;grid-template-columns:5.5rem 1fr;padding-right:1.2rem;align-items:center}
.lane span{font-size:.8rem;color:var(--soft);text-align:right;padding-right:.55rem}
.lane svg{width:100%;height:16px;background:var(--faint);margin:1px 0}
.heat .row{grid-template-columns:10rem 1fr 4rem;padding-right:0}
.heat .row span{font-size:.84rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;padding-right:.55rem}
.heat .row span:last-child{text-align:right;padding:0 0 0 .4rem}
.heat .row svg{width:100%;height:17px;margin:1px 0;shape-rendering:crispEdges}
.heat .plot{grid-template-columns:10rem 1fr 4rem;padding-right:0}
.lat .row{grid-template-columns:5.5rem 1fr 1.2rem}
.lat .row svg{height:30px;shape-rendering:auto}
.lat .plot{grid-template-columns:5.5rem 1fr 1.2rem}
.lat .row span:first-child{text-align:right}
path{fill:none;stroke-linecap:round;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.grid{stroke:var(--rule);stroke-width:1}
.at{stroke:var(--soft);stroke-width:1;stroke-opacity:.55}
.at.drift{stroke-dasharray:2 3}
.mark{stroke:var(--ink);stroke-width:2;stroke-linecap:butt}
.hit{stroke:transparent;stroke-width:11;pointer-events:stroke}
.ref{stroke:var(--soft);stroke-width:1.25;stroke-dasharray:1 4}
.s0{stroke:var(--accent);stroke-width:2.25}
.s1{stroke:var(--c1);stroke-width:1.5}
.s2{stroke:var(--c2);stroke-width:1.5;stroke-dasharray:7 4}
.s3{stroke:var(--c3);stroke-width:1.5;stroke-dasharray:2 4}
.s4{stroke:var(--c4);stroke-width:1.5;stroke-dasharray:9 4 2 4}
.s5{stroke:var(--c5);stroke-width:1.5;stroke-dasharray:12 5}
.dot{stroke-width:5;stroke-dasharray:none}
.h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}.h3{fill:var(--h3)}.h4{fill:var(--h4)}
svg.bins{width:120px;height:31px;display:block;border-bottom:1px solid var(--rule)}
.was{fill:var(--was)}
.is{stroke:var(--accent);stroke-width:1.5;stroke-linecap:butt}
.t0,.t1,.t2,.t3{stroke:var(--accent);stroke-linecap:butt}
.t0{stroke-width:11;stroke-linecap:round}.t1{stroke-width:7}.t2{stroke-width:3.5}.t3{stroke-width:1.25}
.method{background:var(--faint);padding:.9rem 1.2rem;margin-top:.8rem;font-size:.9rem}
.method ul{margin:.3rem 0;padding-left:1.1rem}
.method li{margin:.3rem 0;max-width:46rem;overflow-wrap:anywhere}
@media (max-width:40rem){main{padding:1.25rem .9rem 2rem}.verdict{font-size:1.25rem}.plot,.lane{grid-template-columns:4.4rem 1fr}
.plot>svg{height:12rem}.heat .row,.heat .plot{grid-template-columns:6.5rem 1fr 3.6rem}.lat .row,.lat .plot{grid-template-columns:4.4rem 1fr 1.2rem}
.x span:nth-child(even){display:none}dl.tiles{grid-template-columns:repeat(auto-fit,minmax(6.5rem,1fr))}}
@media print{details{display:block}}
)css";

}  // namespace rtml::monitor
