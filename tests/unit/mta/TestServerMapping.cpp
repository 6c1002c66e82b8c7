// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/mta/ServerMapping.h"

#include <QtTest/QTest>

using namespace portcullis;
using namespace std::chrono_literals;

class TestServerMapping : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void dataTimeoutBoundsPausesNotTheWholeMessage();
};

void TestServerMapping::dataTimeoutBoundsPausesNotTheWholeMessage()
{
    config::Config config;
    config.mail.dataTimeout = 180s;
    config.mail.minDataRate = 500;
    const auto settings = mta::serverSettings(config, nullptr);
    for (const smtp::ListenerSettings &listener : settings->listeners) {
        const smtp::SessionLimits &limits = listener.session.limits;
        QCOMPARE(limits.dataGrace, std::chrono::milliseconds(180s));
        // 10 MB over a line of 5,000 bytes a second take more than half an hour.
        QVERIFY2(limits.data >= 1h, "a slow but steady client is cut off");
    }
}

QTEST_GUILESS_MAIN(TestServerMapping)
#include "TestServerMapping.moc"
