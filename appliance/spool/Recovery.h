// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spool/Folder.h"
#include "appliance/spool/Index.h"

#include <atomic>
#include <memory>
#include <vector>

namespace portcullis::spool {

/// Finds out what earlier processes have left: walks through their segments, oldest first, and puts
/// the last state of each entry into the index. Nothing is shown before all is read, since a later
/// segment may say that an entry is gone.
class Recovery
{
public:
    Recovery(Folder &folder, Index &index, bool isReadOnly)
        : m_folder(folder)
        , m_index(index)
        , m_isReadOnly(isReadOnly)
    {
    }
    /// May be left early through `stop`; the index then stays without the old entries.
    void run(const std::vector<std::shared_ptr<SegmentFile>> &segments,
             const std::atomic<bool> &stop);

private:
    struct Found {
        Record record;
        quint32 domains = 0;
    };
    void readSegment(const SegmentFile &file);
    void publish(const std::atomic<bool> &stop);

    Folder &m_folder;
    Index &m_index;
    bool m_isReadOnly;
    std::unordered_map<quint64, Found> m_found;
    NameTable m_names;
};

}  // namespace portcullis::spool
