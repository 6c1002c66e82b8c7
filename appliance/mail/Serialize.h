// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Envelope.h"

#include <QtCore/QDataStream>

#include <vector>

/// Envelope types in QDataStream form, for the spool's records and the filter protocol. A reader
/// checks the stream's status afterwards; every value that was written is read back the same.
namespace portcullis::mail {

QDataStream &operator<<(QDataStream &out, const Address &address);
QDataStream &operator>>(QDataStream &in, Address &address);
QDataStream &operator<<(QDataStream &out, const Recipient &recipient);
QDataStream &operator>>(QDataStream &in, Recipient &recipient);
QDataStream &operator<<(QDataStream &out, const Envelope &envelope);
QDataStream &operator>>(QDataStream &in, Envelope &envelope);
QDataStream &operator<<(QDataStream &out, const Client &client);
QDataStream &operator>>(QDataStream &in, Client &client);

template<typename Item>
void writeList(QDataStream &out, const std::vector<Item> &items)
{
    out << static_cast<quint32>(items.size());
    for (const Item &item : items) {
        out << item;
    }
}

/// Stops at the first item that cannot be read, so that a forged count costs nothing.
template<typename Item>
void readList(QDataStream &in, std::vector<Item> &items)
{
    quint32 count = 0;
    in >> count;
    items.clear();
    for (quint32 i = 0; i < count && in.status() == QDataStream::Ok; ++i) {
        in >> items.emplace_back();
    }
}

}  // namespace portcullis::mail
