// SPDX-License-Identifier: GPL-2.0-or-later
#include <QtTest/QTest>
class TestServer : public QObject
{
    Q_OBJECT
};
QTEST_MAIN(TestServer)
#include "tst_server.moc"
