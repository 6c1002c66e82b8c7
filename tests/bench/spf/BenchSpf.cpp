// SPDX-License-Identifier: GPL-2.0-or-later
// SPF checks per second on one thread with DNS answers at hand, and what each costs in CPU, worker included.
#include "appliance/policy/spf/SpfClient.h"
#include "tests/support/zone/ZoneResolver.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QElapsedTimer>
#include <QtCore/QFile>

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace portcullis::policy::spf {

namespace {

constexpr int atOnce = 64;

double ownSeconds()
{
    rusage used = {};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval &time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double secondsOf(qint64 pid)
{
    QFile stat(QStringLiteral("/proc/%1/stat").arg(pid));
    if (pid == 0 || !stat.open(QIODevice::ReadOnly)) {
        return 0;
    }
    const QByteArray text = stat.readAll();
    const auto fields = text.mid(text.lastIndexOf(')') + 2).split(' ');
    return (fields.value(11).toDouble() + fields.value(12).toDouble())
           / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

test::ZoneResolver makeZone()
{
    test::ZoneResolver zone;
    const QHostAddress other(QStringLiteral("198.51.100.7"));
    zone.addText("ip4.example", {"v=spf1 ip4:192.0.2.0/24 -all"});
    zone.addText("mx.example", {"v=spf1 a mx -all"});
    zone.addAddress("mx.example", other);
    zone.addMx("mx.example", 10, "m.mx.example");
    zone.addAddress("m.mx.example", QHostAddress(QStringLiteral("192.0.2.1")));
    zone.addText("inc.example", {"v=spf1 include:a.inc.example include:b.inc.example ~all"});
    zone.addText("a.inc.example", {"v=spf1 include:c.inc.example ip4:198.51.100.0/24 ~all"});
    zone.addText("b.inc.example", {"v=spf1 a:m.mx.example ~all"});
    zone.addText("c.inc.example", {"v=spf1 ip4:203.0.113.0/24 ip6:2001:db8::/32 ?all"});
    zone.addText("macro.example", {"v=spf1 exists:%{ir}.%{l}._spf.%{d} -all"});
    zone.addText("none.example", {"hello"});
    return zone;
}

void measure(const char *domain, int checks)
{
    test::ZoneResolver zone = makeZone();
    SpfClient client(zone, {});
    QObject context;
    int asked = 0;
    int answered = 0;
    QElapsedTimer clock;
    const std::function<void()> next = [&] {
        ++asked;
        client.check(QHostAddress(QStringLiteral("192.0.2.1")), "mail.example",
                     {"anna", domain, false}, &context, [&](const verdict::SpfFinding &) {
                         ++answered;
                         if (asked < checks) {
                             next();
                         }
                     });
    };
    clock.start();
    const double before = ownSeconds();
    for (int i = 0; i < atOnce; ++i) {
        next();
    }
    while (answered < checks) {
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    const double wall = static_cast<double>(clock.nsecsElapsed()) * 1e-9;
    const double own = ownSeconds() - before;
    const double worker = secondsOf(client.workerPid());
    std::printf("%-14s %8.0f checks/s  %6.1f us CPU here, %6.1f us in the worker, per check\n",
                domain, checks / wall, own / checks * 1e6, worker / checks * 1e6);
}

}  // namespace

}  // namespace portcullis::policy::spf

int main(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    const int checks = argc > 1 ? QByteArray(argv[1]).toInt() : 20'000;
    for (const char *domain :
         {"none.example", "ip4.example", "mx.example", "inc.example", "macro.example"}) {
        portcullis::policy::spf::measure(domain, std::max(checks, 1));
    }
    return 0;
}
